import { join } from "node:path";
import pLimit from "p-limit";
import type { Server } from "../../config/site.js";
import { quoteAll } from "../../hosts/quote.js";
import { fillingWal } from "../../postgres/upgrade/ways.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { identifier } from "../sql/sql.js";
import { carry, type End } from "./carry.js";
import { databasesOf } from "./compare.js";
import type { Deferred } from "./deferred.js";
import type { Journal } from "./journal.js";
import { bringToDisk, newServer, oldServer } from "./prepare.js";
import { ask, connection, named, type Workplace, whilePrivate } from "./private.js";
import { type Advance, advancing } from "./progress.js";

/** Bytes from which on the tables of one database are copied by several workers. */
const worthSplitting = 64 * 1024 * 1024;

/** What makes filling the new cluster fast: whatever breaks off is done again from the start, and at the end all goes to the disk. */
function fillingOptions(to: Major): Readonly<Record<string, string>> {
  return {
    fsync: "off",
    full_page_writes: "off",
    synchronous_commit: "off",
    autovacuum: "off",
    max_wal_senders: "0",
    wal_level: "minimal",
    ...(atLeast(to, "9.5") ? { max_wal_size: `${fillingWal}MB` } : {}),
    checkpoint_timeout: "30min",
    ...(atLeast(to, "13") ? { wal_keep_size: "0" } : {}),
    ...(atLeast(to, "9.4") && !atLeast(to, "10") ? { max_replication_slots: "0" } : {}),
    ...(atLeast(to, "17") ? { summarize_wal: "off" } : {}),
  };
}

/**
 * By dump and restore, beside each other on one host: both run privately, the old one read only, so that all dumps are of one
 * moment without a snapshot.
 */
export async function byDump(
  at: Workplace,
  server: Server,
  journal: Journal,
  deferred: Deferred,
  jobs: number,
  total: number,
  say: (line: string) => Promise<void> | void,
): Promise<void> {
  const from = { at, server: oldServer(server, journal) };
  const to = { at, server: newServer(server, journal) };
  const advance = advancing("restored", total, () => restoredBytes(to), say);
  await whilePrivate(at, from.server, () => fillByDump(from, to, { deferred, jobs, advance }));
}

/** Bytes of all databases of a server that is being filled. */
export async function restoredBytes({ at, server }: End): Promise<number> {
  const [row] = await ask(
    at,
    server,
    "template1",
    "select sum(pg_catalog.pg_database_size(oid)) from pg_catalog.pg_database",
  );
  return Number(row?.[0]);
}

/**
 * Fills an empty cluster, which is started for it, from a server that runs: roles and tablespaces, then database by database,
 * straight from the one server to the other. What it has is on the disk when this returns.
 */
export async function fillByDump(
  from: End,
  to: End,
  options: { readonly deferred: Deferred; readonly jobs: number; readonly advance: Advance },
): Promise<void> {
  const { at, server } = to;
  const filling = { ...server, options: { ...server.options, ...fillingOptions(server.version) } };
  await whilePrivate(at, filling, async () => {
    const stop = options.advance();
    try {
      await globals(from, to);
      await databases(from, to, options.deferred, options.jobs);
    } finally {
      stop();
    }
  });
  await bringToDisk(at, server);
}

/** Roles, their settings, and tablespaces, which have a folder of each version in the same place. The install user is there. */
async function globals(from: End, to: End): Promise<void> {
  const dump = [
    ...[join(from.at.clients, "pg_dumpall"), "-g"],
    ...[...connection(from.at, from.server), "-l", "template1"],
  ];
  const psql = [
    ...[join(to.at.clients, "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null"],
    ...[...connection(to.at, to.server), "-d", "template1", "-f", "-"],
  ];
  const { user } = from.server;
  const made = [`CREATE ROLE ${user};`, `CREATE ROLE ${identifier(user)};`];
  const without = `grep -v -x -F ${quoteAll(made.flatMap((line) => ["-e", line]))}`;
  await carry(
    from,
    to,
    { name: "pg_dumpall", line: quoteAll(dump) },
    { name: "psql", line: `${without} | ${quoteAll(psql)}` },
    "globals",
  ).catch((error: Error) => {
    throw new Error(`roles and tablespaces: ${error.message}`);
  });
}

async function databases(from: End, to: End, deferred: Deferred, jobs: number): Promise<void> {
  const names = await databasesOf(from.at, from.server);
  const closed = await ask(
    from.at,
    from.server,
    "template1",
    "select datname from pg_catalog.pg_database where not datallowconn and datname <> 'template0'",
  );
  if (closed.length > 0) {
    throw new Error(
      `the databases ${closed.map(([name]) => name).join(", ")} let nobody in, so nothing can be read of them: allow it (ALTER DATABASE … ALLOW_CONNECTIONS true), or drop them`,
    );
  }
  const one = (name: string) => restoreDatabase(from, to, name, deferred[name] ?? new Set(), jobs);
  // These are there already: each is made anew from the other.
  for (const name of ["template1", "postgres"]) if (names.includes(name)) await one(name);
  const limit = pLimit(jobs);
  const rest = names.filter((name) => name !== "template1" && name !== "postgres");
  const ends = await Promise.allSettled(rest.map((name) => limit(() => one(name))));
  const failed = ends.find((end) => end.status === "rejected");
  if (failed !== undefined) throw failed.reason as Error;
  if (!names.includes("postgres")) await ask(to.at, to.server, "template1", "drop database postgres");
}

async function restoreDatabase(
  from: End,
  to: End,
  name: string,
  deferred: ReadonlySet<string>,
  jobs: number,
): Promise<void> {
  const mine = `restored-${Buffer.from(name).toString("hex").slice(0, 80)}`;
  const without = [...deferred].map((pattern) => `--exclude-table-data=${pattern}`);
  const dump = (...more: readonly string[]) => [
    ...[join(from.at.clients, "pg_dump"), "-Fc", "-Z0", "--lock-wait-timeout=60s", ...more],
    ...[...connection(from.at, from.server), "-d", named(name)],
  ];
  const restore = (...more: readonly string[]) => [
    ...[join(to.at.clients, "pg_restore"), "--exit-on-error", ...more, ...connection(to.at, to.server)],
  ];
  const isThere = name === "template1" || name === "postgres";
  const make = [
    ...["-C", ...(isThere ? ["--clean", "--if-exists"] : [])],
    ...["-d", name === "template1" ? "postgres" : "template1"],
  ];
  const into = ["-d", named(name)];
  const groups = await groupsOf(from, name, deferred, jobs);
  const run = (dumping: readonly string[], restoring: string, mark = mine) => {
    const [one, other] = [quoteAll(dumping), restoring];
    return carry(from, to, { name: "pg_dump", line: one }, { name: "pg_restore", line: other }, mark).catch(
      (error: Error) => {
        throw new Error(`the database ${name}: ${error.message}`);
      },
    );
  };
  if (groups.length < 2) return run(dump(...without), quoteAll(restore(...make)));
  await run(dump("--section=pre-data"), quoteAll(restore(...make)));
  const data = groups.map((group, index) =>
    run(dump("--section=data", ...without, ...group), quoteAll(restore(...into)), `${mine}-${index}`),
  );
  const ends = await Promise.allSettled(data);
  const failed = ends.find((end) => end.status === "rejected");
  if (failed !== undefined) throw failed.reason as Error;
  // Indexes and constraints by several workers need a file.
  const file = join(to.at.work, `${mine}.dump`);
  const all = quoteAll(restore("-j", `${jobs}`, ...into, file));
  await run(dump("--section=post-data"), `cat >${quoteAll([file])} && ${all}`);
}

/**
 * Which tables each worker copies, as options of pg_dump: the largest by themselves, and one worker what is left, with sequences and
 * large objects. Nothing where the database is too small for that.
 */
async function groupsOf(
  { at, server: from }: End,
  name: string,
  deferred: ReadonlySet<string>,
  jobs: number,
): Promise<readonly (readonly string[])[]> {
  if (jobs < 2) return [];
  const sql = `select n.nspname, c.relname, c.relpages::bigint * 8192 from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relpages > 0 ${atLeast(from.version, "9.1") ? "and not exists (select 1 from pg_catalog.pg_depend x where x.classid = 'pg_catalog.pg_class'::regclass and x.objid = c.oid and x.deptype = 'e')" : ""} order by 3 desc limit ${200 + deferred.size}`;
  const tables = (await ask(at, from, name, sql))
    .map(([schema, table, size]) => ({
      pattern: `${identifier(schema ?? "")}.${identifier(table ?? "")}`,
      size: Number(size),
    }))
    .filter(({ pattern }) => !deferred.has(pattern));
  const total = tables.reduce((sum, { size }) => sum + size, 0);
  if (total < worthSplitting) return [];
  // The last one is of all that no other has.
  const groups = Array.from({ length: jobs }, () => ({ size: 0, patterns: [] as string[] }));
  for (const { pattern, size } of tables) {
    const least = groups.reduce((one, other) => (other.size < one.size ? other : one));
    least.size += size;
    least.patterns.push(pattern);
  }
  const [rest, ...others] = groups.filter(({ patterns }) => patterns.length > 0);
  if (rest === undefined || others.length === 0) return [];
  const theirs = others.map(({ patterns }) => patterns.map((pattern) => `--table=${pattern}`));
  return [...theirs, others.flatMap(({ patterns }) => patterns.map((pattern) => `--exclude-table=${pattern}`))];
}
