import { randomBytes } from "node:crypto";
import type { Passwords, Server, Site } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { type ArchiveHeader, newestIn, parseArchiveHeader } from "../../postgres/dumps/header.js";
import type { RestoreDumpEvent, RestoreWay } from "../../postgres/dumps/model.js";
import { renderConninfo } from "../../postgres/files/conninfo.js";
import { atLeast } from "../../postgres/versions.js";
import { type CopyProgress, noProgress } from "../baseBackup/progress.js";
import { administratorOf } from "../sql/login.js";
import { type Login, type Session, withSession } from "../sql/session.js";
import { readWhole } from "./check.js";
import { type Client, clientOf, wayIn } from "./clients.js";
import { contentOf } from "./content.js";
import { refuseMissing } from "./dump.js";
import { type DumpPlace, feed, nameOf, readHead, sizeOf } from "./place.js";
import { DumpRefused } from "./refused.js";

export interface RestoreDumpOptions {
  readonly site: Site;
  /** The one that takes writes. */
  readonly server: Server;
  readonly passwords: Passwords;
  readonly from: { readonly on: "here" | "host"; readonly path: string };
  readonly database: string;
  /** What the dump has is dropped first, if it is there: the word for a database that is not empty. @default false */
  readonly clean?: boolean;
  readonly jobs?: number;
  readonly noOwner?: boolean;
  readonly noPrivileges?: boolean;
  readonly noTablespaces?: boolean;
  /** Says what would be done, and does nothing. */
  readonly dryRun?: boolean;
  readonly signal: AbortSignal;
  readonly report?: (event: RestoreDumpEvent) => void;
  readonly progress?: CopyProgress;
}

export interface RestoredDump {
  readonly database: string;
  readonly seconds: number;
}

/** Longest time of one restore, in milliseconds. */
const patience = 7 * 24 * 3_600_000;

/**
 * Brings a dump back into a database of the server that takes writes. What is cut off or changed, what is newer than the server, and
 * a database that is not empty are found before anything is touched.
 *
 * Of what pg_restore says nothing is harmless here: its programs are the server's own version, so it sets no parameter that the server
 * does not know, and by --clean it drops only what is there (--if-exists). So the first error ends it, and it is told by its exit
 * status. Where the programs are newer than the server, psql runs their script instead, without the parameters that the server lacks.
 * @throws DumpRefused @throws SqlUnreachable
 */
export async function restoreDump(options: RestoreDumpOptions): Promise<RestoredDump | undefined> {
  const { site, server, database, from, clean = false, jobs = 1, signal, report = () => undefined } = options;
  const host = hostOf(server.host);
  const began = Date.now();
  if (jobs > 1 && from.on === "here") {
    throw new DumpRefused({ code: "jobs need the host", act: "restore", host: host.name });
  }
  const place: DumpPlace = from.on === "here" ? { path: from.path } : { host, path: from.path };
  const header = await headerOf(place, server);
  const pgRestore = await clientOf(host, server, site, "pg_restore", newestOf(header) ?? server.version);
  const login = administratorOf(site, options.passwords);
  await refuseMissing(server, login, database, signal);
  return withSession(server, login, { database, signal }, async (session) => {
    const content = await contentOf(session, server.version);
    if (content.length > 0 && !clean) {
      throw new DumpRefused({ code: "not empty", database, server: server.name, content });
    }
    const { sum, bytes } = await readWhole({ place, host, server, pgRestore, signal, ...progressOf(options) });
    report({ code: "read", path: from.path, header, bytes, sum: sum !== undefined });
    const entries = await entriesIn(host, place, pgRestore, signal);
    const scripted = !atLeast(server.version, pgRestore.major);
    const way = await wayOf(session, entries, scripted ? 1 : jobs);
    report({ code: "will", database, server: server.name, way, entries, content, clean });
    if (options.dryRun === true) return undefined;
    await carryOut(options, { host, place, session, login, pgRestore, way, scripted });
    return { database, seconds: Math.round((Date.now() - began) / 1000) };
  });
}

function progressOf({ progress }: RestoreDumpOptions): { readonly progress?: CopyProgress } {
  return progress === undefined ? {} : { progress };
}

/** @throws DumpRefused for what is no dump, and for one that is newer than the server */
async function headerOf(place: DumpPlace, server: Server): Promise<ArchiveHeader> {
  const head = await readHead(place);
  if (head === undefined) throw new DumpRefused({ code: "no dump", path: place.path, host: nameOf(place) });
  const header = parseArchiveHeader(head.bytes);
  // The table of contents of a folder calls itself one of a tar file.
  if (header === undefined || (header.format === "tar" && !head.isFolder))
    throw new DumpRefused({ code: "no archive", path: place.path });
  const known = newestIn(header);
  for (const [version, major] of [
    [header.dumper, known.dumper],
    [header.server, known.server],
  ] as const) {
    // One that nobody here knows is newer than all that are known, or older.
    if (major === undefined ? Number.parseFloat(version) < 9 : atLeast(server.version, major)) continue;
    const serverVersion = server.version;
    throw new DumpRefused({
      code: "newer than the server",
      path: place.path,
      version,
      server: server.name,
      serverVersion,
    });
  }
  return header;
}

function newestOf(header: ArchiveHeader) {
  return newestIn(header).dumper;
}

/** How many objects it has, large ones among them. */
async function entriesIn(host: Host, place: DumpPlace, pgRestore: Client, signal: AbortSignal): Promise<number> {
  const argv = [pgRestore.path, "-l"];
  const listed =
    place.host === undefined
      ? await feed(place.path, { host, argv, env: {}, signal }, () => undefined)
      : await host.run([...argv, place.path], { signal });
  if (listed.code !== 0) throw new DumpRefused({ code: "unreadable", path: place.path, said: listed.stderr.trim() });
  const lines = listed.stdout.split("\n").filter((line) => line !== "" && !line.startsWith(";"));
  // From 17 on one entry is of up to a thousand large objects.
  return lines.reduce((sum, line) => sum + (/^\d+; \d+ \d+ BLOB METADATA /.test(line) ? 1000 : 1), 0);
}

/** Locks that an object takes at the most: a table, what is stored beside it, and the index of that. */
const locksEach = 3;

async function wayOf(session: Session, entries: number, jobs: number): Promise<RestoreWay> {
  if (jobs > 1) return "jobs";
  const [row] = await session.query(
    "select (current_setting('max_locks_per_transaction')::int * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int))::text as locks",
  );
  return entries * locksEach < Number(row?.locks ?? 0) ? "one transaction" : "piecewise";
}

interface Act {
  readonly host: Host;
  readonly place: DumpPlace;
  readonly session: Session;
  readonly login: Login;
  readonly pgRestore: Client;
  readonly way: RestoreWay;
  /** Whether psql runs what pg_restore writes. */
  readonly scripted: boolean;
}

async function carryOut(options: RestoreDumpOptions, act: Act): Promise<void> {
  const { site, server, database, jobs = 1, signal, report = () => undefined, progress = noProgress } = options;
  const { host, place, session, login, pgRestore, way, scripted } = act;
  const application = `pgsite restore ${randomBytes(4).toString("hex")}`;
  const access = await wayIn({ host, server, session, login, database, libpq: pgRestore.major, application });
  const words = optionWords(options);
  const into =
    way === "jobs" ? ["-j", `${jobs}`] : way === "one transaction" ? ["--single-transaction"] : ["--exit-on-error"];
  const exit = way === "jobs" ? ["--exit-on-error"] : [];
  const psql = scripted ? await clientOf(host, server, site, "psql") : undefined;
  const argv =
    psql === undefined
      ? [pgRestore.path, "-w", "-d", named(database), ...into, ...exit, ...words]
      : await script(session, psql, [pgRestore.path, ...words], way);
  let ended: { readonly code: number; readonly stderr: string; readonly stdout: string };
  const growing = place.host === undefined ? undefined : watchGrowth(session, database, report);
  try {
    if (place.host === undefined) {
      progress.start(await sizeOf(place), 0);
      ended = await feed(place.path, { host, argv, env: access.env, signal }, progress.advance).finally(() =>
        progress.end(),
      );
    } else if (psql === undefined) {
      ended = await host.run([...argv, place.path], { env: access.env, timeout: patience, signal });
    } else {
      const fed = ["sh", "-c", 'file=$1; shift; exec "$@" <"$file"', "sh", place.path, ...argv];
      ended = await host.run(fed, { env: access.env, timeout: patience, signal });
    }
  } finally {
    await growing?.();
    await access.close();
  }
  signal.throwIfAborted();
  const isWhole = ended.code === 0 && (psql === undefined || ended.stdout.trimEnd().endsWith(committed));
  if (isWhole) return;
  const said = ended.stderr.trim().split("\n").slice(0, 4);
  const undone = way === "one transaction";
  throw new DumpRefused({ code: "restore failed", database, status: ended.code, said, undone });
}

/** A name that would be taken for a connection string is said in one. */
function named(database: string): string {
  return /=|^postgres(ql)?:\/\//.test(database) ? renderConninfo({ dbname: database }) : database;
}

function optionWords({ clean, noOwner, noPrivileges, noTablespaces }: RestoreDumpOptions): readonly string[] {
  return [
    ...(clean === true ? ["--clean", "--if-exists"] : []),
    ...(noOwner === true ? ["--no-owner"] : []),
    ...(noPrivileges === true ? ["--no-privileges"] : []),
    ...(noTablespaces === true ? ["--no-tablespaces"] : []),
  ];
}

/** What psql prints at the very end. */
const committed = "pgsite: all of it";

/** Of a pg_restore that is newer than the server: parameters that the server has not are left out of what the script begins with. */
const scripting = `begin=$1 end=$2 known=$3 psql=$4; shift 4
{
  printf '%s\\n' "$begin"
  # Without its end there is no commit.
  { "$@" -f - && printf '\\n%s\\n' "$end"; } | awk -v known="$known" '
    BEGIN { count = split(known, names, " "); for (i = 1; i <= count; i++) is_known[names[i]] = 1 }
    /^-- (TOC entry|Name:|Data for Name:)/ { body = 1 }
    !body && /^SET [a-z_]+ = / && !($2 in is_known) { next }
    { print }'
} | "$psql" -X -q -w -v ON_ERROR_STOP=1 -f -`;

async function script(
  session: Session,
  psql: Client,
  pgRestore: readonly string[],
  way: RestoreWay,
): Promise<readonly string[]> {
  const rows = await session.query("select name from pg_settings order by 1");
  const known = rows.map(({ name }) => name ?? "").join(" ");
  const one = way === "one transaction";
  const [begin, end] = [one ? "begin;" : "", `${one ? "commit;\n" : ""}\\echo ${committed}`];
  return ["sh", "-c", scripting, "sh", begin, end, known, psql.path, ...pgRestore];
}

/** Says now and then how large the database is: pg_restore itself says nothing. */
function watchGrowth(session: Session, database: string, report: (event: RestoreDumpEvent) => void) {
  const timer = setInterval(() => {
    session.query("select pg_database_size(current_database())::text as size").then(
      ([row]) => report({ code: "grown", database, bytes: Number(row?.size ?? 0) }),
      () => undefined,
    );
  }, 10_000);
  return async () => clearInterval(timer);
}
