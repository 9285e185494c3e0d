import { join } from "node:path";
import pLimit from "p-limit";
import type { Server } from "../../config/site.js";
import { quoteAll } from "../../hosts/quote.js";
import { fillingWal } from "../../postgres/upgrade/ways.js";
import { atLeast } from "../../postgres/versions.js";
import { identifier } from "../sql/sql.js";
import { databasesOf } from "./compare.js";
import type { Deferred } from "./deferred.js";
import type { Journal } from "./journal.js";
import { bringToDisk, newServer, oldServer } from "./prepare.js";
import { ask, connection, named, type PrivateServer, surroundings, type Workplace, whilePrivate } from "./private.js";
import { advancing } from "./progress.js";
import { tail } from "./said.js";

const day = 24 * 3600_000;
/** Bytes from which on the tables of one database are copied by several workers. */
const worthSplitting = 64 * 1024 * 1024;

/** What makes filling the new cluster fast: whatever breaks off is done again from the start, and at the end all goes to the disk. */
function fillingOptions({ to }: Journal): Readonly<Record<string, string>> {
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
 * By dump and restore: roles and tablespaces, then database by database, straight from the one server to the other. Both run
 * privately, the old one read only, so that all dumps are of one moment without a snapshot.
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
  const from = oldServer(server, journal);
  const to = newServer(server, journal);
  const filling = { ...to, options: { ...to.options, ...fillingOptions(journal) } };
  const size = async () => {
    const [row] = await ask(
      at,
      to,
      "template1",
      "select sum(pg_catalog.pg_database_size(oid)) from pg_catalog.pg_database",
    );
    return Number(row?.[0]);
  };
  await whilePrivate(at, from, () =>
    whilePrivate(at, filling, async () => {
      const stop = advancing("restored", total, size, say)();
      try {
        await globals(at, from, to);
        await databases(at, from, to, deferred, jobs);
      } finally {
        stop();
      }
    }),
  );
  await bringToDisk(at, to);
}

/** What psql, pg_dump … of the new version say where they fail. */
async function pipe(at: Workplace, servers: readonly PrivateServer[], script: string): Promise<void> {
  const env = surroundings(servers[0] as PrivateServer);
  // A single argument is not as long as the names of thousands of tables are. What it runs is not to read the rest of it.
  const input = `{\n${script}\n} </dev/null\n`;
  const given = { cwd: at.work, env, input, timeout: 14 * day, signal: at.signal };
  const { code, stdout, stderr } = await at.host.run(["sh", "-s"], given);
  at.signal.throwIfAborted();
  if (code !== 0) throw new Error(tail(stderr || stdout));
}

/** `one | other`, which fails where either does. */
function piped(one: readonly string[], other: readonly string[], mark: string): string {
  return [
    "nl='",
    "'",
    "umask 077",
    `rm -f ${quoteAll([mark])}`,
    `{ ${quoteAll(one)} && : >${quoteAll([mark])}; } | ${quoteAll(other)} || exit 1`,
    `[ -e ${quoteAll([mark])} ]`,
  ].join("\n");
}

/** Roles, their settings, and tablespaces, which have a folder of each version in the same place. The install user is there. */
async function globals(at: Workplace, from: PrivateServer, to: PrivateServer): Promise<void> {
  const dump = [join(at.clients, "pg_dumpall"), "-g", ...connection(at, from), "-l", "template1"];
  const psql = [
    join(at.clients, "psql"),
    "-X",
    "-q",
    "-v",
    "ON_ERROR_STOP=1",
    "-o",
    "/dev/null",
    ...connection(at, to),
    "-d",
    "template1",
    "-f",
    "-",
  ];
  const made = [`CREATE ROLE ${from.user};`, `CREATE ROLE ${identifier(from.user)};`];
  const file = join(at.work, "globals.sql");
  const script = [
    "nl='",
    "'",
    "umask 077",
    `${quoteAll(dump)} >${quoteAll([file])} || exit 1`,
    `grep -v -x -F ${quoteAll(made.flatMap((line) => ["-e", line]))} <${quoteAll([file])} | ${quoteAll(psql)}`,
    "code=$?",
    // It has verifiers of passwords.
    `rm -f ${quoteAll([file])}`,
    "exit $code",
  ].join("\n");
  await pipe(at, [from, to], script).catch((error: Error) => {
    throw new Error(`roles and tablespaces: ${error.message}`);
  });
}

async function databases(
  at: Workplace,
  from: PrivateServer,
  to: PrivateServer,
  deferred: Deferred,
  jobs: number,
): Promise<void> {
  const names = await databasesOf(at, from);
  const closed = await ask(
    at,
    from,
    "template1",
    "select datname from pg_catalog.pg_database where not datallowconn and datname <> 'template0'",
  );
  if (closed.length > 0) {
    throw new Error(
      `the databases ${closed.map(([name]) => name).join(", ")} let nobody in, so nothing can be read of them: allow it (ALTER DATABASE … ALLOW_CONNECTIONS true), or drop them`,
    );
  }
  const one = (name: string) => restoreDatabase(at, from, to, name, deferred[name] ?? new Set(), jobs);
  // These are there already: each is made anew from the other.
  for (const name of ["template1", "postgres"]) if (names.includes(name)) await one(name);
  const limit = pLimit(jobs);
  const rest = names.filter((name) => name !== "template1" && name !== "postgres");
  const ends = await Promise.allSettled(rest.map((name) => limit(() => one(name))));
  const failed = ends.find((end) => end.status === "rejected");
  if (failed !== undefined) throw failed.reason as Error;
  if (!names.includes("postgres")) await ask(at, to, "template1", "drop database postgres");
}

async function restoreDatabase(
  at: Workplace,
  from: PrivateServer,
  to: PrivateServer,
  name: string,
  deferred: ReadonlySet<string>,
  jobs: number,
): Promise<void> {
  const mine = join(at.work, `restored-${Buffer.from(name).toString("hex").slice(0, 80)}`);
  const without = [...deferred].map((pattern) => `--exclude-table-data=${pattern}`);
  const dump = (...more: readonly string[]) => [
    ...[join(at.clients, "pg_dump"), "-Fc", "-Z0", "--lock-wait-timeout=60s", ...more, ...connection(at, from)],
    ...["-d", named(name)],
  ];
  const restore = (...more: readonly string[]) => [
    ...[join(at.clients, "pg_restore"), "--exit-on-error", ...more, ...connection(at, to)],
  ];
  const isThere = name === "template1" || name === "postgres";
  const make = [
    ...["-C", ...(isThere ? ["--clean", "--if-exists"] : [])],
    ...["-d", name === "template1" ? "postgres" : "template1"],
  ];
  const into = ["-d", named(name)];
  const groups = await groupsOf(at, from, name, deferred, jobs);
  const run = (script: string) =>
    pipe(at, [from, to], script).catch((error: Error) => {
      throw new Error(`the database ${name}: ${error.message}`);
    });
  if (groups.length < 2) return run(piped(dump(...without), restore(...make), mine));
  await run(piped(dump("--section=pre-data"), restore(...make), mine));
  const data = groups.map((group, index) =>
    run(piped(dump("--section=data", ...without, ...group), restore(...into), `${mine}-${index}`)),
  );
  const ends = await Promise.allSettled(data);
  const failed = ends.find((end) => end.status === "rejected");
  if (failed !== undefined) throw failed.reason as Error;
  // Indexes and constraints by several workers need a file.
  const file = `${mine}.dump`;
  const after = [
    ...["nl='", "'", "umask 077"],
    `${quoteAll(dump("--section=post-data", "-f", file))} || exit 1`,
    quoteAll(restore("-j", `${jobs}`, ...into, file)),
  ];
  await run(after.join("\n"));
}

/**
 * Which tables each worker copies, as options of pg_dump: the largest by themselves, and one worker what is left, with sequences and
 * large objects. Nothing where the database is too small for that.
 */
async function groupsOf(
  at: Workplace,
  from: PrivateServer,
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
