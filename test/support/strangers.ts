import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { Client } from "pg";
import type { Server } from "../../config/site.js";
import { atLeast } from "../../postgres/versions.js";
import { openSession } from "../../servers/sql/session.js";
import { password, type RolloutSite } from "./rolloutSite.js";

/** What a walreceiver writes when its stream begins, breaks and is refused, as a stranger would have the server say it. */
export const forged = {
  began: "started streaming WAL from primary at 0/3000000 on timeline 1",
  broke: "could not receive data from WAL stream: server closed the connection unexpectedly",
  finished: "replication terminated by primary server",
  livesOn:
    'could not connect to the primary server: FATAL:  no pg_hba.conf entry for replication connection from host "192.0.2.3"',
} as const;

/** A role without rights, and a function of the kind that runs in parallel workers: made on the primary. */
export async function inviteStrangers(site: RolloutSite, primary: string): Promise<void> {
  await site.query(
    primary,
    "create role mallory",
    "create table many as select n from generate_series(1, 1000) n",
    "grant select on many to mallory",
    `create function shout(words text) returns int language plpgsql parallel safe as $$
     begin raise log '%', words; return 1; end $$`,
  );
}

/**
 * All that strangers can have a hot standby write to its log: by failed logins, under names that look like lines of its log, and as a
 * role without rights by SQL, at every severity, also in parallel workers. Each as a message of its own, and as a whole line behind a line break.
 */
export async function strangersAt(server: Server, messages: readonly string[]): Promise<void> {
  const session = await openSession(server, { user: "postgres", password });
  const attempt = (sql: string) => session.query(sql).catch(() => undefined);
  try {
    const [row] = await session.query("select current_setting('log_line_prefix') as prefix");
    const lines = messages.flatMap((message) =>
      ["LOG", "FATAL"].map((severity) => `${asPrefix(row?.prefix ?? "")}${severity}:  ${message}`),
    );
    for (const name of [...messages, ...lines.map((line) => `x\n${line}`), "mallory"]) await failToLogIn(server, name);
    const parallel = atLeast(server.version, "16") ? "debug_parallel_query" : "force_parallel_mode";
    await session.query(`set ${parallel} = on`);
    await session.query("set session authorization mallory");
    for (const text of [...messages, ...lines.map((line) => `x\n${line}`), ...lines]) {
      const literal = `'${text.replaceAll("'", "''")}'`;
      await attempt(`select ${literal}::int`);
      for (const level of ["debug", "log", "info", "notice", "warning", "exception"]) {
        await attempt(`do $do$ begin raise ${level} '%', ${literal}; end $do$`);
      }
      await attempt(`select shout(${literal})`);
      await attempt(`select max(shout(${literal})) from many where n < 3`);
      await attempt(`set application_name = ${literal}`);
      await attempt("select 1/0");
    }
  } finally {
    await session.end();
  }
}

/**
 * Sessions that wait for their passwords under names by which their titles say that a walreceiver streams.
 * @returns ends them
 */
export async function titledLike(site: RolloutSite, server: Server): Promise<() => void> {
  const rules = join(server.dataDirectory, "pg_hba.conf");
  writeFileSync(rules, `${readFileSync(rules, "utf8")}host all all 127.0.0.1/32 md5\n`);
  await site.query(server.name, "select pg_reload_conf()", "select pg_sleep(0.3)");
  const titles = [
    ["walreceiver", "streaming F/FFFFFFFF"],
    ["wal receiver process", "  streaming F/FFFFFFFF"],
    ["x", "y: walreceiver streaming F/FFFFFFFF"],
  ];
  const sockets = await Promise.all(titles.map(([user = "", database = ""]) => waitingFor(server, user, database)));
  return () => {
    for (const socket of sockets) socket.destroy();
  };
}

/** Sends a startup packet, and nothing after it. */
async function waitingFor({ address, port }: Server, user: string, database: string): Promise<Socket> {
  const socket = connect({ host: address, port });
  socket.on("error", () => undefined);
  const body = Buffer.concat([Buffer.from([0, 3, 0, 0]), Buffer.from(`user\0${user}\0database\0${database}\0\0`)]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length + 4);
  socket.write(Buffer.concat([length, body]));
  const [answer] = (await once(socket, "data")) as [Buffer];
  if (answer.toString("latin1", 0, 1) !== "R") throw new Error(`no password was asked for: ${answer}`);
  return socket;
}

/** As user, as database, and as both. */
async function failToLogIn({ address, port }: Server, name: string): Promise<void> {
  for (const more of [{ user: name }, { database: name }, { user: name, database: name, application_name: name }]) {
    const client = new Client({
      host: address,
      port,
      user: "mallory",
      database: "postgres",
      password: "x",
      connectionTimeoutMillis: 2000,
      ...more,
    });
    client.on("error", () => undefined);
    await client.connect().catch(() => undefined);
    await client.end().catch(() => undefined);
  }
}

/** A prefix as a walreceiver's line would have it now. */
function asPrefix(prefix: string): string {
  const time = new Date().toISOString().replace("T", " ").replace("Z", "");
  const values: Readonly<Record<string, string>> = {
    m: `${time} UTC`,
    t: `${time.slice(0, 19)} UTC`,
    p: "4242",
    b: "walreceiver",
    l: "1",
  };
  return prefix.replace(/%-?[0-9]*(.)/gs, (_all, name: string) => values[name] ?? "");
}
