import type { ClusterFacts, DatabaseFacts, UpgradeWishes } from "../../postgres/upgrade/model.js";
import { unsupportedFrom } from "../../postgres/upgrade/unsupported.js";
import type { Major } from "../../postgres/versions.js";
import { type Address, type Login, type Row, type Session, withSession } from "../sql/session.js";
import { deferredSizeSql } from "./deferredSql.js";
import {
  collationsQuestion,
  databasesQuestion,
  extendedStatisticsQuestion,
  extensionsQuestion,
  icuQuestion,
  installUserQuestion,
  logicalSlotsQuestion,
  marksQuestion,
  preparedQuestion,
  settingsQuestion,
  tablespacesQuestion,
} from "./questions.js";

/** Milliseconds that one question may take: sizes of many files are counted. */
const queryTimeout = 120_000;

/** What a running server's control file says. */
export type ControlFacts = Pick<ClusterFacts, "version" | "systemIdentifier" | "checksums" | "walSegmentSize">;

/** How to ask the old server. */
export interface Asked {
  readonly endpoint: Address;
  readonly login: Login;
  /** The version that is declared: what that refuses is looked for. */
  readonly to: Major;
  /** By database: patterns of tables that are deferred. @default none */
  readonly defer?: UpgradeWishes["defer"];
  readonly signal: AbortSignal;
}

/** A running cluster as it is, by one session after the other. @throws SqlUnreachable */
export async function clusterFacts(asked: Asked, control: ControlFacts): Promise<ClusterFacts> {
  const { version } = control;
  const { endpoint, login, to, defer = {}, signal } = asked;
  const options = { queryTimeout, signal };
  const whole = await withSession(endpoint, login, options, async (session) => {
    const databases = await session.query(databasesQuestion(version));
    return {
      databases,
      installUser: (await session.query(installUserQuestion))[0]?.name,
      settings: await session.query(settingsQuestion(version)),
      prepared: (await session.query(preparedQuestion))[0]?.count,
      slots: await rowsOf(session, logicalSlotsQuestion(version)),
      tablespaces: await session.query(tablespacesQuestion(version)),
      unsupported: await unsupportedIn(session, version, to, "cluster"),
    };
  });
  const databases: DatabaseFacts[] = [];
  for (const row of whole.databases) {
    const name = `${row.name}`;
    const size = Number(row.size);
    if (row.open !== "t") {
      databases.push({ name, size, extensions: [], unsupported: {}, collations: [] });
      continue;
    }
    const found = await withSession(endpoint, login, { ...options, database: name }, (session) =>
      databaseFacts(session, version, to, defer[name] ?? []),
    );
    databases.push({ name, size, ...found });
  }
  const template = whole.databases.find(({ name }) => name === "template0") ?? whole.databases[0];
  if (template === undefined || whole.installUser === undefined) {
    throw new Error(`${endpoint.name} does not say how its cluster was made`);
  }
  return {
    ...control,
    installUser: `${whole.installUser}`,
    encoding: `${template.encoding}`,
    locale: localeOf(template),
    dataSize: databases.reduce((sum, { size }) => sum + size, 0),
    // What is of the cluster as a whole is said once.
    databases: databases
      .filter(({ name }) => name !== "template0")
      .map((one, index) => (index > 0 ? one : { ...one, unsupported: { ...one.unsupported, ...whole.unsupported } })),
    tablespaces: whole.tablespaces.map(({ name, location }) => ({ name: `${name}`, location: `${location}` })),
    settings: Object.fromEntries(whole.settings.map(({ name, value }) => [`${name}`, `${value}`])),
    preparedTransactions: Number(whole.prepared ?? 0),
    logicalSlots: whole.slots.map(({ name }) => `${name}`),
  };
}

async function databaseFacts(session: Session, version: Major, to: Major, deferred: readonly string[]) {
  const extensions = await rowsOf(session, extensionsQuestion(version));
  const collations = await rowsOf(session, collationsQuestion(version));
  const icu = await rowsOf(session, icuQuestion(version));
  const statistics = await rowsOf(session, extendedStatisticsQuestion(version));
  const [later] = deferred.length === 0 ? [] : await session.query(deferredSizeSql(deferred));
  return {
    ...(later === undefined ? {} : { deferredSize: Number(later.size) }),
    extensions: extensions.map(({ name, version: own }) => ({ name: `${name}`, version: `${own}` })),
    unsupported: await unsupportedIn(session, version, to, "database"),
    collations: collations.map(({ name, was, is }) => ({ name: `${name}`, was: `${was}`, is: `${is}` })),
    icu: icu.map(({ name, was, locale }) => ({ name: `${name}`, was: `${was}`, locale: `${locale}` })),
    extendedStatistics: Number(statistics[0]?.count ?? 0),
    marksColumns: (await session.query(marksQuestion))[0]?.marked === "true",
  };
}

async function unsupportedIn(session: Session, from: Major, to: Major, where: "database" | "cluster") {
  const found: [string, readonly string[]][] = [];
  for (const { kind, sql } of unsupportedFrom(from, to, where)) {
    const objects = await session.query(sql);
    if (objects.length > 0) found.push([kind, objects.map(({ object }) => `${object}`)]);
  }
  return Object.fromEntries(found) as DatabaseFacts["unsupported"];
}

const rowsOf = async (session: Session, sql: string | undefined) => (sql === undefined ? [] : await session.query(sql));

const providers: Readonly<Record<string, ClusterFacts["locale"]["provider"]>> = { c: "libc", i: "icu", b: "builtin" };

/** How a database of `databasesQuestion` sorts. */
export function localeOf(row: Row): ClusterFacts["locale"] {
  const text = (name: string) => row[name] ?? undefined;
  const [locale, rules] = [text("locale"), text("rules")];
  return {
    provider: providers[`${row.provider}`] ?? "libc",
    collate: `${row.collate}`,
    ctype: `${row.ctype}`,
    ...(locale === undefined ? {} : { locale }),
    ...(rules === undefined ? {} : { rules }),
  };
}
