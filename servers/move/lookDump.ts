import { controlPath } from "../../config/controlDirectory.js";
import type { Server } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import type { DumpFacts, MoveRefusal } from "../../postgres/move/model.js";
import type { ClusterFacts } from "../../postgres/upgrade/model.js";
import { downtimeOf, spaceFor } from "../../postgres/upgrade/ways.js";
import { atLeast, majorOf } from "../../postgres/versions.js";
import { hasChecksums, walSegmentSize } from "../../postgres/wal/controlFile.js";
import { systemIdentifierIn } from "../data/dataDirectory.js";
import { makeFolder, removeFolder } from "../data/places.js";
import { inDatabase, type Live } from "../sql/counters.js";
import { administratorOf } from "../sql/login.js";
import type { Row } from "../sql/session.js";
import { clusterFacts, localeOf } from "../upgrade/cluster.js";
import { initdbLike } from "../upgrade/initdb.js";
import { databasesQuestion } from "../upgrade/questions.js";
import type { MoveAsked } from "./asked.js";

/** Bytes a second that come over a network and onto a disk, where nothing was tried. */
const cautiousRate = 50_000_000;

/** How many workers, where nobody says. */
const usualJobs = 2;

/** What each place has to have. */
const programs = {
  from: { server: ["postgres", "pg_ctl"], clients: ["pg_dump", "pg_dumpall", "psql"] },
  to: { server: ["postgres", "pg_ctl", "initdb"], clients: ["pg_restore", "psql"] },
} as const;

/** What a move by dump and restore goes by. @param control the old place's control file */
export async function lookAtDump(
  asked: MoveAsked,
  control: Buffer,
): Promise<{ readonly facts: DumpFacts; readonly refusals: readonly MoveRefusal[] }> {
  const { site, server, to, passwords, signal } = asked;
  const login = administratorOf(site, passwords);
  const live = { server, login, signal };
  const { version } = server;
  const cluster = await clusterFacts(
    { endpoint: server, login, to: version, signal },
    {
      version,
      systemIdentifier: systemIdentifierIn(control),
      checksums: hasChecksums(version, control) ?? false,
      walSegmentSize: walSegmentSize(version, control) ?? 16 * 1024 * 1024,
    },
  );
  const [from, target] = [hostOf(server.host), hostOf(to.host)];
  const { clientDirectory } = site;
  const sides = [
    { side: "from", host: from, own: server.binDirectory },
    { side: "to", host: target, own: to.binDirectory },
  ] as const;
  const found = await Promise.all(
    sides.map(({ side, host, own }) => programsAt(host, side, own, clientDirectory, version)),
  );
  const databases = await inDatabase(live, "postgres", (session) => session.query(databasesQuestion(version)));
  const jobs = Math.max(1, asked.jobs ?? site.upgrade?.jobs ?? usualJobs);
  const facts: DumpFacts = {
    cluster,
    clients: { from: found[0]?.clients ?? server.binDirectory, to: found[1]?.clients ?? to.binDirectory },
    jobs,
    size: cluster.dataSize,
    needed: spaceFor("dump", cluster.dataSize, cluster.walSegmentSize),
    downtime: downtimeOf("dump", { cluster, copyRate: cautiousRate }, jobs),
    slots: await slotsOf(live),
    closed: databases.filter(({ open, name }) => open !== "t" && name !== "template0").map(({ name }) => `${name}`),
    subscriptions: await subscriptionsOf(live),
  };
  const inside = cluster.tablespaces
    .map(({ location }) => location)
    .filter((location) => `${location}/`.startsWith(`${server.dataDirectory}/`));
  const missing = found.flatMap(({ missing: names, folder }, index): MoveRefusal[] =>
    names.length === 0
      ? []
      : [{ code: "programs missing", host: sides[index]?.host.name ?? "", folder, programs: names }],
  );
  const locales = missing.length > 0 ? [] : await refuseLocales(target, to, cluster, databases, signal);
  const refusals: MoveRefusal[] = [...missing, ...locales];
  if (inside.length > 0) refusals.push({ code: "tablespace inside", paths: inside });
  return { facts, refusals };
}

const looking = `wanted=$1; shift
found=$(command -v pg_dump || command -v pg_restore) && set -- "$@" "$(dirname -- "$found")"
for folder; do
  echo "folder $folder"
  for program in $wanted; do [ -x "$folder/$program" ] && echo "has $program"; done
  for program in pg_dump pg_restore; do
    [ -x "$folder/$program" ] && echo "version $("$folder/$program" --version)"
  done
done`;

/**
 * Programs of the very version: a newer pg_dump writes what an older server does not take, and an older pg_restore does not read it.
 */
async function programsAt(
  host: Host,
  side: "from" | "to",
  own: string,
  clientDirectory: string | undefined,
  version: string,
): Promise<{ readonly clients?: string; readonly missing: readonly string[]; readonly folder: string }> {
  const { server, clients } = programs[side];
  const asked = [...new Set([own, clientDirectory ?? own])];
  const { stdout } = await host.run(["sh", "-c", looking, "sh", [...server, ...clients].join(" "), ...asked]);
  const has = new Map<string, Set<string>>();
  const versions = new Map<string, string>();
  let at = "";
  for (const line of stdout.split("\n")) {
    const [, key, value = ""] = /^(folder|has|version) (.*)$/.exec(line) ?? [];
    if (key === "folder") {
      at = value;
      has.set(at, new Set());
    } else if (key === "has") has.get(at)?.add(value);
    else if (key === "version") versions.set(at, /\(PostgreSQL\) (\d+(?:\.\d+)*)/.exec(value)?.[1] ?? "");
  }
  const isOf = (folder: string) => majorOf(versions.get(folder) ?? "") === version;
  // Its own first, then PATH's.
  const folders = [...has.keys()];
  const complete = folders.find((folder) => isOf(folder) && clients.every((name) => has.get(folder)?.has(name)));
  const missing = [
    ...server.filter((name) => !has.get(own)?.has(name)),
    ...(complete === undefined
      ? clients.filter((name) => !folders.some((folder) => isOf(folder) && has.get(folder)?.has(name)))
      : []),
  ].map((name) => `${name} ${version}`);
  // All are there, and in no folder together.
  const apart = complete === undefined && missing.length === 0 ? clients.map((name) => `${name} ${version}`) : missing;
  return { missing: apart, folder: folders.join(", "), ...(complete === undefined ? {} : { clients: complete }) };
}

async function slotsOf(live: Live): Promise<readonly string[]> {
  if (!atLeast(live.server.version, "9.4")) return [];
  const rows = await inDatabase(live, "postgres", (session) =>
    session.query("select slot_name::text as name from pg_catalog.pg_replication_slots order by 1"),
  );
  return rows.map(({ name }) => `${name}`);
}

async function subscriptionsOf(live: Live): Promise<readonly string[]> {
  if (!atLeast(live.server.version, "10")) return [];
  const rows = await inDatabase(live, "postgres", (session) =>
    session.query("select subname::text as name from pg_catalog.pg_subscription order by 1"),
  );
  return rows.map(({ name }) => `${name}`);
}

/** Each order of texts that some database has is tried: initdb makes a cluster of it at the new place, which goes again. */
async function refuseLocales(
  host: Host,
  to: Server,
  cluster: ClusterFacts,
  databases: readonly Row[],
  signal: AbortSignal,
): Promise<readonly MoveRefusal[]> {
  const byShape = new Map<string, { readonly names: string[]; readonly row: Row }>();
  for (const row of databases) {
    const { encoding, collate, ctype, provider, locale, rules } = row;
    const key = JSON.stringify([encoding, collate, ctype, provider, locale, rules]);
    const known = byShape.get(key);
    if (known === undefined) byShape.set(key, { names: [`${row.name}`], row });
    else known.names.push(`${row.name}`);
  }
  const folder = controlPath(to, "moveTrial");
  const hadControl = (await host.stat(to.controlDirectory)) !== undefined;
  await makeFolder(host, to, to.controlDirectory);
  const refusals: MoveRefusal[] = [];
  try {
    for (const { names, row } of byShape.values()) {
      await host.remove(folder);
      const shape = { ...cluster, encoding: `${row.encoding}`, locale: localeOf(row) };
      const made = { version: to.version, binDirectory: to.binDirectory, directory: folder, passing: true };
      const { code, stderr } = await host.run(initdbLike(shape, made), { timeout: 120_000, signal });
      if (code === 0) continue;
      const said = stderr.trim().split("\n").at(-1) ?? "";
      const locale = `${row.locale ?? row.collate}, ${row.encoding}`;
      refusals.push({ code: "locale missing", databases: names, locale, host: host.name, said });
    }
  } finally {
    await host.remove(folder);
    if (!hadControl) await removeFolder(host, to, to.controlDirectory);
  }
  return refusals;
}
