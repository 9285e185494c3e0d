import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Server } from "../../config/site.js";
import { hostOf } from "../../hosts/index.js";
import { startOptions } from "../../postgres/files/places.js";
import { startServer } from "../../servers/process/process.js";
import { stopServer } from "../../servers/process/stop.js";
import { openSession, type Row } from "../../servers/sql/session.js";
import { childrenOf, until } from "./processes.js";

/** Debian's server programs: with pg_rewind and pg_waldump, which npm's have not. */
export const debian15 = "/usr/lib/postgresql/15/bin";

/** Servers of a test by name. */
export interface Parted {
  server(name: string): Server;
  query(name: string, ...statements: readonly string[]): Promise<readonly Row[]>;
}

/** A crash: the postmaster is killed, and its processes notice. */
export async function crash({ dataDirectory }: Server): Promise<void> {
  const [pid = ""] = readFileSync(join(dataDirectory, "postmaster.pid"), "utf8").split("\n");
  const own = [pid, ...childrenOf(Number(pid))];
  process.kill(Number(pid), "SIGKILL");
  await until("the end of a killed server", () => own.every((one) => !existsSync(`/proc/${one}`)));
}

/** By hand, as at 3 a.m. */
export async function promote(site: Parted, name: string): Promise<void> {
  const server = site.server(name);
  const argv = [join(server.binDirectory, "pg_ctl"), "promote", "-D", server.dataDirectory];
  const { code, stdout, stderr } = await hostOf(server.host).run(argv);
  if (code !== 0) throw new Error(stdout + stderr);
  const sql = "select pg_is_in_recovery()::text as recovers";
  const recovers = () =>
    site.query(name, sql).then(
      ([row]) => row?.recovers,
      () => undefined,
    );
  for (const end = Date.now() + 20_000; Date.now() < end; await sleep(20)) {
    if ((await recovers()) === "false") return;
  }
  throw new Error(`${name} was not promoted within 20 s`);
}

/** As nothing of pgsite's would start it. */
export async function startPastGuard(server: Server): Promise<void> {
  const { host, binDirectory, dataDirectory } = server;
  const options = startOptions(server);
  const argv = [join(binDirectory, "pg_ctl"), "start", "-w", "-D", dataDirectory, "-l", `${dataDirectory}.log`];
  if (options !== undefined) argv.push("-o", options);
  // Of one that was killed, the kernel may still know the process.
  const pidFile = join(dataDirectory, "postmaster.pid");
  const [pid = ""] = existsSync(pidFile) ? readFileSync(pidFile, "utf8").split("\n") : [];
  await until("the end of a killed server", () => pid === "" || !existsSync(`/proc/${pid}`));
  const { code, stdout, stderr } = await hostOf(host).run(["setsid", ...argv]);
  if (code !== 0) throw new Error(stdout + stderr);
}

/**
 * `old` dies, `next` is promoted, and `old` comes back by hand, as what it was: both take writes, each has rows in `kept` of
 * its own.
 */
export async function partWays(site: Parted, old: string, next: string): Promise<void> {
  await crash(site.server(old));
  await promote(site, next);
  await site.query(next, `insert into kept select '${next}' from generate_series(1, 100)`);
  await startPastGuard(site.server(old));
  await site.query(
    old,
    `insert into kept select '${old} alone' from generate_series(1, 50)`,
    `create table only_${old} as select n from generate_series(1, 1000) as n`,
    "checkpoint",
    `insert into kept select '${old} alone' from generate_series(1, 50)`,
  );
}

/** Whose rows there are how many of. */
export async function rowsIn(query: (sql: string) => Promise<readonly Row[]>): Promise<Record<string, number>> {
  const rows = await query("select by, count(*)::text as rows from kept group by by order by by");
  return Object.fromEntries(rows.map(({ by, rows: count }) => [by ?? "", Number(count)]));
}

/** Folders that keep what diverged from a server's data. */
export function keptOf({ dataDirectory }: Server): readonly string[] {
  const pattern = new RegExp(`^${basename(dataDirectory)}\\.diverged-\\d{8}T\\d{6}Z$`);
  return readdirSync(dirname(dataDirectory))
    .filter((name) => pattern.test(name))
    .map((name) => join(dirname(dataDirectory), name));
}

/** Starts a copy of kept data as an operator would who looks into them, asks, and ends it. */
export async function askKept(server: Server, kept: string, sql: string): Promise<readonly Row[]> {
  const host = hostOf(server.host);
  const look = `${kept}.look`;
  const copied = { ...server, dataDirectory: look, controlDirectory: `${look}.pgsite`, port: 5499 };
  const { code, stderr } = await host.run(["cp", "-a", kept, look]);
  if (code !== 0) throw new Error(stderr);
  try {
    // The last line of a name wins.
    const configuration = join(look, "postgresql.conf");
    const text = readFileSync(configuration, "utf8");
    writeFileSync(configuration, `${text}\nport = ${copied.port}\nlisten_addresses = '${server.address}'\n`);
    await startServer(host, copied);
    const session = await openSession(copied, { user: "postgres", password: "adm1n" });
    try {
      return await session.query(sql);
    } finally {
      await session.end();
    }
  } finally {
    await stopServer(host, copied, { mode: "immediate" }).catch(() => undefined);
    for (const folder of [look, copied.controlDirectory]) rmSync(folder, { recursive: true, force: true });
  }
}
