import { join } from "node:path";
import { controlPath, upgradePath } from "../../config/controlDirectory.js";
import type { Server } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { renderPassfile } from "../../postgres/files/passfile.js";
import type { CheckResult, ClusterFacts, Way } from "../../postgres/upgrade/model.js";
import type { Major } from "../../postgres/versions.js";
import { literal } from "../sql/sql.js";
import { checkScript } from "./checkScript.js";
import { initdbLike } from "./initdb.js";

/** What is checked against what. */
export interface ToCheck {
  /** As declared, at the new version. */
  readonly server: Server;
  readonly cluster: ClusterFacts;
  readonly way: Way;
  readonly oldFolder: string;
  /** Whether the old server runs. */
  readonly running: boolean;
  /** Whether programs for pg_upgrade are all there. */
  readonly complete: boolean;
  /** How pgsite logs in, where that is the install user. */
  readonly password?: string;
  readonly signal: AbortSignal;
}

export interface Checked {
  readonly check: CheckResult;
  /** Versions of the extensions that the new programs have, by name; absent where nobody could ask. */
  readonly extensions?: ReadonlyMap<string, string>;
  /** Whether the new programs know marks of columns. */
  readonly knowsMarks?: boolean;
  /** Versions of the new programs' ICU, by locale; of those that were not asked, or not known, nothing. */
  readonly collations: ReadonlyMap<string, string>;
}

/** Settings of the new server by which pg_upgrade, or a library, says yes or no. */
const counted = new Set([
  "wal_level",
  "max_replication_slots",
  "max_active_replication_origins",
  "shared_preload_libraries",
  "dynamic_library_path",
  "extension_control_path",
]);

const options: Readonly<Record<Way, string>> = { clone: "--clone", copy: "copy", link: "--link", dump: "shape" };

/** Milliseconds: longer than the script takes by its own limits. */
const timeout = 30 * 60_000;

/**
 * Runs `pg_upgrade --check` against a running server, with an empty cluster that is made for it and goes again. Of a dump it asks
 * the new programs alone. Nothing of the old server is written to.
 */
export async function checkBeforehand(host: Host, wanted: ToCheck): Promise<Checked> {
  const { way, running, complete, signal } = wanted;
  const how = way !== "dump" && running && complete ? options[way] : options.dump;
  let found: Found;
  try {
    found = parseCheck(await run(host, wanted, how, signal));
  } catch (error) {
    // What the script itself could not take away, since it was ended.
    await run(host, wanted, "clean", undefined).catch(() => undefined);
    throw error;
  }
  const extensions = found.made ? { extensions: found.extensions } : {};
  const { marks } = found;
  const locales = localesOf(wanted.cluster);
  const collations = new Map(
    [...found.collations].flatMap(([number, version]): [string, string][] => {
      const locale = locales[number];
      return locale === undefined ? [] : [[locale, version]];
    }),
  );
  const known = marks === undefined ? {} : { knowsMarks: marks };
  return { check: resultOf(found, wanted), collations, ...extensions, ...known };
}

/** Of ICU's that are in use, each once. */
function localesOf({ databases }: ClusterFacts): readonly string[] {
  const all = databases.flatMap(({ icu = [] }) => icu.map(({ locale }) => locale));
  return [...new Set(all)].filter((locale) => !locale.includes("\n"));
}

function resultOf({ code, stopped, said }: Found, { way, running, complete }: ToCheck): CheckResult {
  const words = said.length === 0 ? {} : { said };
  if (stopped === "initdb") return { code: "refused", said };
  if (stopped === "folder" || stopped === "busy") return { code: "not run", why: "no programs", ...words };
  if (way === "dump") return { code: "not run", why: "way" };
  if (!complete) return { code: "not run", why: "no programs" };
  if (!running || stopped === "running") return { code: "not run", why: "not running" };
  if (stopped === "connect") return { code: "not run", why: "cannot connect", ...words };
  if (code === 0) return { code: "clean" };
  return { code: "refused", said: said.filter((line) => !/\bok$/.test(line)) };
}

async function run(
  host: Host,
  { server, cluster, oldFolder, password, signal: _ }: ToCheck,
  how: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { dataDirectory, controlDirectory, binDirectory, version } = server;
  const parent = controlPath(server, "upgrade");
  const made = {
    version: version as Major,
    binDirectory,
    directory: join(upgradePath(server, "check"), "new"),
    passing: true,
  };
  const databases = ["template1", ...cluster.databases.map(({ name }) => name)];
  const probes = localesOf(cluster).map(
    (locale, number) =>
      `create collation pg_catalog.pgsite_probe_${number} (provider = icu, locale = ${literal(locale)})`,
  );
  const argv = [
    ...["sh", "-c", checkScript, "sh"],
    ...[controlDirectory, parent, dataDirectory, oldFolder, binDirectory, cluster.installUser, how],
    ...[settingsOf(server), [...new Set(databases)].filter((name) => !name.includes("\n")).join("\n")],
    probes.join("\n"),
    ...initdbLike(cluster, made),
  ];
  const line = { host: "*", port: "*" as const, database: "*", user: cluster.installUser, password: password ?? "" };
  const input = password === undefined ? "" : renderPassfile([line]);
  const { stdout, stderr, code } = await host.run(argv, {
    input,
    timeout,
    ...(signal === undefined ? {} : { signal }),
  });
  if (code !== 0) throw new Error(`pg_upgrade --check on ${host.name} was ended: ${stderr.trim()}`);
  return stdout;
}

/** As lines of postgresql.conf. */
function settingsOf({ settings }: Server): string {
  return Object.entries(settings)
    .filter(([name]) => counted.has(name.toLowerCase()))
    .map(([name, value]) => `${name} = '${value.replace(/['\\]/g, (character) => character + character)}'`)
    .join("\n");
}

/** What the script printed. */
export interface Found {
  readonly made: boolean;
  readonly extensions: ReadonlyMap<string, string>;
  /** Versions of collations, by their number in the question. */
  readonly collations: ReadonlyMap<number, string>;
  /** Whether columns of a fresh cluster of the new version are marked; absent where it did not say. */
  readonly marks?: boolean;
  /** Of pg_upgrade. */
  readonly code?: number;
  /** Why it came no further. */
  readonly stopped?: string;
  readonly said: readonly string[];
}

export function parseCheck(text: string): Found {
  const lines = text.split("\n");
  const end = lines.indexOf("said");
  const facts = end < 0 ? lines : lines.slice(0, end);
  const all = (key: string) =>
    facts.flatMap((line) => (line.startsWith(`${key}=`) ? [line.slice(key.length + 1).trim()] : []));
  const pairs = (key: string) =>
    all(key).map((line): [string, string] => {
      const at = line.indexOf(" ");
      return [line.slice(0, at), line.slice(at + 1)];
    });
  const [marks] = all("marks");
  const [code] = all("code");
  const [stopped] = all("stopped");
  return {
    made: all("made").length > 0,
    extensions: new Map(pairs("extension")),
    collations: new Map(pairs("collation").map(([number, version]) => [Number(number), version])),
    ...(marks === undefined ? {} : { marks: marks === "true" }),
    ...(code === undefined ? {} : { code: Number(code) }),
    ...(stopped === undefined ? {} : { stopped }),
    said:
      end < 0
        ? []
        : lines
            .slice(end + 1)
            .map((line) => line.trim())
            .filter((line) => line !== ""),
  };
}
