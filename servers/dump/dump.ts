import { randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Passwords, Server, Site } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import type { DumpEvent, Holder } from "../../postgres/dumps/model.js";
import { type CopyProgress, noProgress } from "../baseBackup/progress.js";
import { freeBytes } from "../data/freeSpace.js";
import { administratorOf } from "../sql/login.js";
import { type Login, type Session, withSession } from "../sql/session.js";
import { last, readWhole, sumsOfFolder } from "./check.js";
import { type Client, clientOf, wayIn } from "./clients.js";
import { holderOf } from "./holders.js";
import {
  type DumpPlace,
  discard,
  nameOf,
  noteSum,
  partialOf,
  publish,
  refuseTaken,
  sumLine,
  summing,
} from "./place.js";
import { DumpRefused } from "./refused.js";

export interface DumpOptions {
  readonly site: Site;
  readonly server: Server;
  readonly passwords: Passwords;
  readonly database: string;
  /** On this machine, or on the server's host. */
  readonly to: { readonly on: "here" | "host"; readonly path: string };
  /** Of gzip. @default 9 */
  readonly level?: number;
  /** More than one write a folder in directory format. @default one */
  readonly jobs?: number;
  /** Seconds that it waits for a table's lock. @default 60 */
  readonly lockWait?: number;
  /** Whether a disk with less room than the database has is refused. @default true */
  readonly checkSpace?: boolean;
  readonly signal: AbortSignal;
  readonly report?: (event: DumpEvent) => void;
  readonly progress?: CopyProgress;
}

export interface Dumped {
  readonly path: string;
  readonly host: string;
  readonly bytes: number;
  /** Of a file. */
  readonly sum?: string;
  readonly seconds: number;
  readonly version: string;
}

/**
 * Dumps a database by pg_dump on its server's host, in custom format, or by several jobs in directory format. It is written under
 * a partial name, read whole, and then gets its own: a dump that is there is whole. Its SHA-256 lies beside it.
 * @throws DumpRefused @throws SqlUnreachable; then nothing of it is left
 */
export async function dump(options: DumpOptions): Promise<Dumped> {
  const { site, server, database, to, jobs = 1, signal, report = () => undefined, progress = noProgress } = options;
  const host = hostOf(server.host);
  if (jobs > 1 && to.on === "here") throw new DumpRefused({ code: "jobs need the host", act: "dump", host: host.name });
  const place: DumpPlace = to.on === "here" ? { path: to.path } : { host, path: to.path };
  const began = Date.now();
  await refuseTaken(place);
  const [pgDump, pgRestore] = await Promise.all([
    clientOf(host, server, site, "pg_dump"),
    clientOf(host, server, site, "pg_restore"),
  ]);
  const login = administratorOf(site, options.passwords);
  await refuseMissing(server, login, database, signal);
  return withSession(server, login, { database, signal }, async (session) => {
    const [row] = await session.query("select pg_database_size(current_database())::text as size");
    const size = Number(row?.size ?? 0);
    await refuseTooSmall(place, size, options.checkSpace ?? true);
    report({ code: "dumping", database, server: server.name, size, program: pgDump.version });
    try {
      const wanted = await write({ ...options, jobs }, { host, place, session, login, pgDump, size });
      report({ code: "checking", path: place.path });
      const partial: DumpPlace = { ...place, path: partialOf(place.path) };
      const asked = { place: partial, called: place.path, host, server, pgRestore, progress, signal };
      const { sum, bytes } = await readWhole(wanted === undefined ? asked : { ...asked, wanted });
      await noteSum(place, sum === undefined ? await sumsOf(host, partial.path) : sumLine(place.path, sum));
      await publish(place);
      const whole = jobs > 1 ? await folderBytes(host, place.path) : bytes;
      const made = { path: place.path, host: nameOf(place), bytes: whole, version: pgDump.version };
      return { ...made, ...(sum === undefined ? {} : { sum }), seconds: Math.round((Date.now() - began) / 1000) };
    } catch (error) {
      await discard(place).catch(() => undefined);
      throw error;
    }
  });
}

interface Writing {
  readonly host: Host;
  readonly place: DumpPlace;
  readonly session: Session;
  readonly login: Login;
  readonly pgDump: Client;
  readonly size: number;
}

/** @returns the SHA-256 of what pg_dump wrote, of a file */
async function write(options: DumpOptions & { readonly jobs: number }, writing: Writing): Promise<string | undefined> {
  const { server, database, level = 9, jobs, lockWait = 60, signal, progress = noProgress } = options;
  const { host, place, session, login, pgDump, size } = writing;
  const application = `pgsite dump ${randomBytes(4).toString("hex")}`;
  const way = await wayIn({ host, server, session, login, database, libpq: pgDump.major, application });
  const common = [pgDump.path, "-w", "-Z", `${level}`, `--lock-wait-timeout=${lockWait * 1000}`];
  const target = partialOf(place.path);
  const watch = watchLocks(options, session, application);
  progress.start(size, 0);
  try {
    const done =
      place.host === undefined
        ? await toHere(host, [...common, "-Fc"], way.env, target, progress.advance, signal)
        : await toHost(
            host,
            jobs > 1 ? [...common, "-Fd", "-j", `${jobs}`, "-f", target] : [...common, "-Fc"],
            way.env,
            target,
            jobs > 1,
            progress.advance,
            signal,
          );
    signal.throwIfAborted();
    if (done.written !== 0) {
      throw new DumpRefused({ code: "write failed", path: place.path, host: nameOf(place), said: last(done.said) });
    }
    if (done.code !== 0) {
      const holder = watch.holder();
      if (holder !== undefined) throw new DumpRefused({ code: "locked", database, seconds: lockWait, holder });
      throw new DumpRefused({ code: "dump failed", database, status: done.code, said: last(done.said) });
    }
    return done.sum;
  } finally {
    progress.end();
    await watch.end();
    await way.close();
  }
}

interface Written {
  readonly code: number;
  readonly said: string;
  /** How the writing itself ended: 0 is well. */
  readonly written: number;
  readonly sum?: string;
}

async function toHere(
  host: Host,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  path: string,
  advance: (bytes: number) => void,
  signal: AbortSignal,
): Promise<Written> {
  const file = await open(path, "w", 0o600);
  await file.chmod(0o600);
  const program = await host.spawn(argv, { env, signal });
  program.stdin.end();
  const { stream, sum } = summing(advance);
  const failed = await pipeline(
    program.stdout,
    stream,
    createWriteStream(path, { fd: file.fd, autoClose: false }),
  ).then(
    () => undefined,
    (error: Error) => error,
  );
  if (failed !== undefined) program.kill();
  const { code, stderr } = await program.ended;
  const synced =
    failed ??
    (await file.sync().then(
      () => undefined,
      (error: Error) => error,
    ));
  await file.close();
  if (synced !== undefined) return { code, said: synced.message, written: 1 };
  return { code, said: stderr, written: 0, sum: sum() };
}

/** Prints the process ids, then how each ended, and the checksum of what passed. */
const writing = `umask 077
out=$1; shift
exec 4>&1
{ { "$@" </dev/null 3>&- 4>&-; echo "dump $?" >&3; } | { tee -- "$out" 3>&- 4>&-; echo "write $?" >&3; } | sha256sum >&4; } 3>&4`;
const writingFolder = `umask 077
"$@" </dev/null
echo "dump $?"
echo "write 0"`;

/** All end when the one that we know of does. */
const grouped = `setsid -- "$@" &
group=$!
trap 'kill -s TERM -- "-$group" 2>/dev/null' EXIT
trap 'exit 143' TERM HUP INT
wait "$group"`;

async function toHost(
  host: Host,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  path: string,
  isFolder: boolean,
  advance: (bytes: number) => void,
  signal: AbortSignal,
): Promise<Written> {
  await host.remove(path);
  const script = isFolder ? ["sh", "-c", writingFolder, "sh", ...argv] : ["sh", "-c", writing, "sh", path, ...argv];
  const program = await host.spawn(["sh", "-c", grouped, "sh", ...script], { env, signal });
  program.stdin.end();
  const chunks: Buffer[] = [];
  program.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  let done = 0;
  const look = setInterval(async () => {
    const now = await (isFolder ? folderBytes(host, path) : host.stat(path).then((found) => found?.size ?? 0)).catch(
      () => done,
    );
    if (now > done) advance(now - done);
    done = Math.max(done, now);
  }, 1000);
  const { stderr } = await program.ended.finally(() => clearInterval(look));
  const text = Buffer.concat(chunks).toString("utf8");
  const status = (what: string) => Number(new RegExp(`^${what} (\\d+)$`, "m").exec(text)?.[1] ?? 1);
  const sum = /^([0-9a-f]{64})\b/m.exec(text)?.[1];
  return { code: status("dump"), written: status("write"), said: stderr, ...(sum === undefined ? {} : { sum }) };
}

/** Looks once a second whom it waits for, and says so. */
function watchLocks({ server, report = () => undefined }: DumpOptions, session: Session, application: string) {
  let holder: Holder | undefined;
  let seen = 0;
  let since = 0;
  let over = false;
  let told = 0;
  const looking = (async () => {
    while (!over) {
      const found = await holderOf(session, server.version, application).catch(() => undefined);
      if (over) return;
      const now = Date.now();
      if (found === undefined) since = 0;
      else if (since === 0) since = now;
      if (found !== undefined) [holder, seen] = [found, now];
      if (found !== undefined && now - since >= 2000 && now - told >= 10_000) {
        told = now;
        report({ code: "waits", holder: found, seconds: Math.round((now - since) / 1000) });
      }
      for (let waited = 0; waited < 500 && !over; waited += 50) await new Promise((done) => setTimeout(done, 50));
    }
  })();
  return {
    /** Of the last looks: whoever is no longer waited for was, a moment ago. */
    holder: () => (Date.now() - seen < 3000 ? holder : undefined),
    end: async () => {
      over = true;
      await looking;
    },
  };
}

export async function refuseMissing(
  server: Server,
  login: Login,
  database: string,
  signal: AbortSignal,
): Promise<void> {
  const rows = await withSession(server, login, { signal }, (session) =>
    session.query("select datname from pg_database where datallowconn order by 1"),
  );
  const there = rows.map(({ datname }) => datname ?? "");
  if (!there.includes(database)) throw new DumpRefused({ code: "no database", server: server.name, database, there });
}

/** Only where it is known: on a host. A dump is compressed, so less room than the database has is only a suspicion. */
async function refuseTooSmall({ host, path }: DumpPlace, size: number, isChecked: boolean): Promise<void> {
  if (host === undefined || !isChecked) return;
  const free = await freeBytes(host, dirname(path));
  if (free !== undefined && free < size) throw new DumpRefused({ code: "space", path, host: host.name, free, size });
}

async function sumsOf(host: Host, folder: string): Promise<string> {
  const { code, stdout, stderr } = await host.run(["sh", "-c", sumsOfFolder, "sh", folder], {
    timeout: 24 * 3_600_000,
  });
  if (code !== 0) throw new Error(`the checksums of ${folder} on ${host.name} cannot be made: ${stderr.trim()}`);
  return stdout;
}

async function folderBytes(host: Host, folder: string): Promise<number> {
  const { stdout } = await host.run(["du", "-sb", "--", folder]);
  return Number(stdout.split("\t")[0]) || 0;
}
