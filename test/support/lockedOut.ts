import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { atLeast, type Major } from "../../postgres/versions.js";
import { openSession, type Session } from "../../servers/sql/session.js";
import type { LocalSite } from "./localSite.js";
import { proof } from "./proof.js";

/** A way in which somebody locks pgsite out of a server of a site. */
export interface LockOut {
  readonly name: string;
  /** What the preview says. */
  readonly said: string;
  /** What the `up` says that it has done, beside the plan of the rollout. */
  readonly done?: string;
  /** On server2, the primary. @returns what ends it where the test is over */
  lock(site: LocalSite): Promise<(() => Promise<void>) | undefined>;
}

const server = "server2";

/** Every way that a version knows. */
export function waysToLockOut(major: Major): readonly LockOut[] {
  const rules = (change: (text: string) => string) => async (site: LocalSite) => {
    const file = join(site.dataDirectory(server), "pg_hba.conf");
    writeFileSync(file, change(readFileSync(file, "utf8")));
    process.kill(site.postmaster(server) as number, "SIGHUP");
    await refused(site);
    return undefined;
  };
  const sql =
    (...statements: readonly string[]) =>
    async (site: LocalSite) => {
      await site.query(server, statements);
      return undefined;
    };
  const restarted =
    (...statements: readonly string[]) =>
    async (site: LocalSite) => {
      await site.query(server, statements);
      await restart(site);
      return undefined;
    };
  return [
    {
      name: "a rule that is gone",
      said: "no rule of pg_hba.conf in force lets postgres in",
      done: "the declared pg_hba.conf was installed",
      lock: rules((text) => text.replace(/^host +all +"?postgres"? .*\n/m, "")),
    },
    {
      name: "a rule that rejects everybody, before all others",
      said: "no rule of pg_hba.conf in force lets postgres in",
      done: "the declared pg_hba.conf was installed",
      lock: rules((text) => `host all all all reject\n${text}`),
    },
    {
      name: "another password",
      said: "the password of postgres",
      done: "the administrator's password was set",
      lock: sql("alter role postgres password 'by hand'"),
    },
    ...(atLeast(major, "10")
      ? [
          {
            name: "a password that is kept in another form",
            said: "the password of postgres, or the form that it is kept in",
            done: "the administrator's password was set",
            lock: sql("set password_encryption = md5", "alter role postgres password 'adm1nistrator'"),
          },
        ]
      : []),
    {
      name: "another name of the role",
      said: "there is no such role",
      done: "the role chief has its declared name again",
      lock: sql(
        "create role boss superuser",
        "set session authorization boss",
        "alter role postgres rename to chief",
        "reset session authorization",
        "drop role boss",
      ),
    },
    {
      name: "NOLOGIN",
      said: "may not log in",
      done: "the administrator may log in as a superuser again",
      lock: sql("alter role postgres nologin"),
    },
    {
      name: "a connection limit of none",
      said: "CONNECTION LIMIT of role postgres is 0, declared -1: SQL",
      lock: sql("alter role postgres connection limit 0"),
    },
    {
      name: "all connections in use",
      said: "all connections are in use, those for superusers too",
      done: "one idle session of a client was ended",
      async lock(site) {
        const held: Session[] = [];
        const login = { user: "postgres", password: site.passwords.postgres ?? "" };
        for (;;) {
          const at = { name: server, address: site.address(server), port: 5442, proof: proof() };
          const session = await openSession(at, login).catch(() => undefined);
          if (session === undefined) break;
          held.push(session);
        }
        return async () => void (await Promise.all(held.map((session) => session.end())));
      },
    },
    {
      name: "another port",
      said: "port is 5999, declared 5442: restart",
      lock: restarted("alter system set port = 5999"),
    },
    {
      name: "no address to listen at",
      said: "listen_addresses is ''",
      lock: restarted("alter system set listen_addresses = ''"),
    },
    {
      name: "a certificate that is not there",
      said: "ssl is on, declared ",
      lock: restarted("alter system set ssl = on", "alter system set ssl_cert_file = '/nowhere/server.crt'"),
    },
    {
      name: "a library that is not there, at each login",
      said: "what the server runs at login fails",
      done: "session_preload_libraries of the administrator's sessions was reset",
      lock: sql("alter role postgres set session_preload_libraries = 'nowhere'"),
    },
    {
      name: "a library that is not there, in the files",
      said: "what the server runs at login fails",
      done: "settings that decide who comes in were given their declared values",
      async lock(site) {
        await site.query(server, ["alter system set session_preload_libraries = 'nowhere'", "select pg_reload_conf()"]);
        await refused(site);
        return undefined;
      },
    },
    ...(atLeast(major, "17")
      ? [
          {
            name: "a trigger at login that does not end",
            said: "what the server runs at login does not end",
            done: "the login trigger waits was disabled",
            lock: sql(
              "create function wait() returns event_trigger language plpgsql as 'begin perform pg_sleep(3600); end'",
              "create event trigger waits on login execute function wait()",
              "alter event trigger waits enable always",
            ),
          },
        ]
      : []),
    {
      name: "reading alone as the default",
      said: "default_transaction_read_only of role postgres is on",
      lock: sql("alter role postgres set default_transaction_read_only = on"),
    },
  ];
}

/** Waits until the administrator gets no session any more where the server is declared to listen. */
async function refused(site: LocalSite): Promise<void> {
  await expect.poll(() => site.query(server, "select 1").catch(() => "refused"), { timeout: 5000 }).toBe("refused");
}

/** As somebody at the host does it; where the server does not come up again, it is down. */
async function restart(site: LocalSite): Promise<void> {
  const log = join(site.controlDirectory(server), "start.log");
  const argv = ["-D", site.dataDirectory(server), "-l", log, "-m", "fast", "-w", "-t", "5", "restart"];
  await site.host().run([site.program("pg_ctl"), ...argv]);
}
