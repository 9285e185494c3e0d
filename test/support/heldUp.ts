import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Server } from "../../config/site.js";
import { atLeast } from "../../postgres/versions.js";
import { password, type RolloutSite } from "./rolloutSite.js";

/** Ends what holds up a shutdown; may be called when it is gone already. */
export type Release = () => Promise<void>;

/** The child of a server's postmaster that has a word in its title. */
export function processOf({ dataDirectory }: Pick<Server, "dataDirectory">, title: RegExp): number {
  const [postmaster = ""] = readFileSync(`${dataDirectory}/postmaster.pid`, "utf8").split("\n");
  const found = readdirSync("/proc").find((pid) => {
    try {
      const parent = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[1];
      return parent === postmaster && title.test(readFileSync(`/proc/${pid}/cmdline`, "utf8"));
    } catch {
      return false;
    }
  });
  if (found === undefined) throw new Error(`${dataDirectory} has no process ${title}`);
  return Number(found);
}

/** A process that a signal has stopped: it does not end before it goes on. */
export function frozen(pid: number): Release {
  process.kill(pid, "SIGSTOP");
  return async () => signal(pid, "SIGCONT");
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended.
  }
}

/** A process that gets on, and slowly: it runs for so many milliseconds of each hundred times as many. */
export function throttled(pid: number, runs = 2, rests = 200): Release {
  let isOver = false;
  const loop = (async () => {
    while (!isOver) {
      signal(pid, "SIGSTOP");
      await sleep(rests);
      signal(pid, "SIGCONT");
      await sleep(runs);
    }
  })();
  return async () => {
    isOver = true;
    await loop;
    signal(pid, "SIGCONT");
  };
}

async function clientOf({ address, port }: Server, more: Partial<pg.ClientConfig> & { replication?: string } = {}) {
  const login = { user: "postgres", password, database: "postgres" };
  const client = new pg.Client({ host: address, port, application_name: "held", ...login, ...more });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

/** A backend in the middle of a statement that a debugger, say, has stopped. */
export async function stuckBackend(server: Server): Promise<Release> {
  const client = await clientOf(server);
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  client.query("select pg_sleep(600)").catch(() => undefined);
  await sleep(100);
  const release = frozen(rows[0]?.pid ?? 0);
  return async () => {
    await release();
    await client.end().catch(() => undefined);
  };
}

/** pg_basebackup's way, at 32 kB/s. */
export async function copyingWalsender(server: Server): Promise<Release> {
  const login = { user: "replicator", password: "repl", replication: "true", application_name: "pg_basebackup" };
  const client = await clientOf(server, login);
  const options = atLeast(server.version, "15") ? "(LABEL 'slow', MAX_RATE 32)" : "LABEL 'slow' FAST MAX_RATE 32";
  client.query(`BASE_BACKUP ${options}`).catch(() => undefined);
  await sleep(300);
  return ended(client);
}

/** A script of one's own, by the low-level API: one session that stays. */
export async function copyingSession(server: Server, exclusive = false): Promise<Release> {
  const client = await clientOf(server, { application_name: "nightly copy" });
  const start = atLeast(server.version, "15")
    ? "select pg_backup_start('slow', true)"
    : `select pg_start_backup('slow', true, ${exclusive})`;
  await client.query(start);
  if (!exclusive) return ended(client);
  await client.end();
  return async () => {
    const again = await clientOf(server).catch(() => undefined);
    await again?.query("select pg_stop_backup()").catch(() => undefined);
    await again?.end();
  };
}

function ended(client: pg.Client): Release {
  return async () => {
    // A session that is in the middle of a copy does not hear of a polite end.
    (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  };
}

/** Servers that take writes. */
export async function writing(site: RolloutSite): Promise<readonly string[]> {
  const found = await Promise.all(
    site.site.servers.map(async ({ name }) => {
      const [row] = await site.query(name, "select pg_is_in_recovery()::text as recovers").catch(() => []);
      return row?.recovers === "false" ? [name] : [];
    }),
  );
  return found.flat();
}
