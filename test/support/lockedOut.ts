import { expect } from "vitest";
import { atLeast, type Major } from "../../postgres/versions.js";
import { DistributionSite } from "./distributionSite.js";
import { programsOf } from "./programs.js";
import { binaries } from "./remoteSite.js";

/** The one that takes writes, and the one that follows it. */
export const servers = ["one", "two"] as const;
export type LockedServer = (typeof servers)[number];

const data = "/var/lib/postgresql/data";
const administrators = "adm1nistrator";

/** What was said of locks. */
export interface Told {
  readonly shown: string;
  /** Codes, by server. */
  readonly problems: Readonly<Record<string, readonly string[]>>;
  readonly said: string;
}

/** Of what was expected to be said of a server, what was not. */
export function unsaid(
  told: Told,
  server: LockedServer,
  { said, done, problem, ofCatalogue }: LockOut,
): readonly string[] {
  // A role or database is of no server.
  const ofServer = (text: string) =>
    problem === undefined
      ? text
      : text
          .split("\n")
          .filter((line) => line.includes(`${server}: `))
          .join("\n");
  const isDoneHere = ofCatalogue !== true || server === servers[0];
  return [
    ...(ofServer(told.shown).includes(said) ? [] : [`preview of ${server}: ${said}\n${told.shown}`]),
    ...(done === undefined || !isDoneHere || ofServer(told.said).includes(done) ? [] : [`up: ${done}\n${told.said}`]),
    ...(problem === undefined || told.problems[server]?.includes(problem) === true
      ? []
      : [`status of ${server}: ${problem}, not ${told.problems[server]?.join(", ")}`]),
    ...(`${told.shown}${told.said}`.includes(administrators) ? ["the password was shown"] : []),
  ];
}

/** A way in which somebody locks pgsite out of a server of a site. */
export interface LockOut {
  readonly name: string;
  /** What the preview says of it. */
  readonly said: string;
  /** What the `up` says that it has done, beside the plan of the rollout. */
  readonly done?: string;
  /** What `pgsite status` says of the server, by its code. */
  readonly problem?: "lockedOut" | "listensElsewhere" | "stopped";
  /** It lies in the catalogue, which a standby has from its primary. */
  readonly ofCatalogue?: true;
  /** Locks pgsite out. @returns what ends it where the test is over */
  lock(site: LockedSite, server: LockedServer): Promise<unknown>;
  end?(site: LockedSite, server: LockedServer): Promise<unknown>;
}

/**
 * A primary and a hot standby on hosts that let the machine which runs pgsite in by SSH alone: by a firewall, and by their rules.
 */
export class LockedSite {
  private constructor(
    readonly site: DistributionSite,
    private readonly programs: string,
  ) {}

  /** @param more keys of the stack file */
  static async make(major: Major, more: Readonly<Record<string, unknown>> = {}): Promise<LockedSite> {
    const programs = major === "15" ? binaries : await programsOf(major);
    const site = await DistributionSite.make({
      servers,
      init: "sysv",
      prepare: "rm -rf /var/lib/postgresql/* /etc/postgresql/* /etc/init.d/postgresql",
      stackFile: {
        postgresql: major,
        binaries: programs,
        servers: Object.fromEntries(servers.map((name) => [name, { dataDirectory: data }])),
        service: { manager: "none" },
        access: [],
        settings,
        ...more,
      },
      passwords: { postgres: administrators, replicator: "repl1cator" },
    });
    return new LockedSite(site, programs);
  }

  /** Somebody does this to these servers; then what the preview says, what `pgsite status` does, and the one `up` that mends it. */
  async suffers(locks: Readonly<Partial<Record<LockedServer, LockOut>>>): Promise<Told> {
    const all = Object.entries(locks) as [LockedServer, LockOut][];
    for (const [server, { lock }] of all) await lock(this, server);
    try {
      const shown = await this.site.preview();
      const { stdout } = await this.site.pgsite(["status", "--json"]);
      const said = await this.site.up();
      const { servers } = JSON.parse(stdout) as { servers: { name: string; problems: { code: string }[] }[] };
      const problems = Object.fromEntries(servers.map((one) => [one.name, one.problems.map(({ code }) => code)]));
      return { shown, problems, said };
    } finally {
      for (const [server, { end }] of all) await end?.(this, server);
    }
  }

  /** Runs a script on a server's host, as its OS user: `$data`, and `$ctl` with the program that acts on it. */
  asOwner(server: LockedServer, script: string): Promise<string> {
    const given = `set -e; cd /; data=${data}; ctl="${this.programs}/pg_ctl -D $data"\n`;
    return this.site.host(server).must(["su", "-s", "/bin/sh", "-c", given + script, "postgres"], { seconds: 60 });
  }

  /** Whether the administrator gets a session where the server is declared to listen, on its own host. */
  async letsIn(server: LockedServer): Promise<boolean> {
    const script = `PGPASSWORD=${administrators} PGCONNECT_TIMEOUT=2 psql -XAtq -h 127.0.0.1 -c 'select 1' postgres 2>&1 || true`;
    return (await this.asOwner(server, script)).trim() === "1";
  }

  /** When the primary refused somebody in these words, in milliseconds. */
  async refusals(words: string): Promise<readonly number[]> {
    const log = await this.asOwner("one", "cat $data.pgsite/start.log");
    const lines = log.split("\n").filter((line) => line.includes("FATAL: ") && line.includes(words));
    return lines.map((line) => Date.parse(`${line.slice(0, 23).replace(" ", "T")}Z`));
  }

  remove(): Promise<void> {
    return this.site.remove();
  }
}

/** What a test site is quick with, and its sockets where the hosts' psql looks for them. */
const settings = {
  shared_buffers: "8MB",
  fsync: false,
  max_connections: 15,
  listen_addresses: "*",
  unix_socket_directories: "/var/run/postgresql",
};

const reload = "$ctl reload >/dev/null";

/** As somebody at the host does it; where the server does not come up again, it is down. */
const restart = "$ctl -l /tmp/by-hand.log -m fast -w -t 5 restart >/dev/null || true";

/** Every way that a version knows. */
export function waysToLockOut(major: Major): readonly LockOut[] {
  const changed = (sed: string) => async (site: LockedSite, server: LockedServer) => {
    await site.asOwner(server, `sed -i ${sed} $data/pg_hba.conf; ${reload}`);
    await refused(site, server);
  };
  const sql = (...statements: readonly string[]) => ({
    ofCatalogue: true as const,
    lock: (site: LockedSite) => site.site.query(servers[0], `${statements.join(";\n")};\n`),
  });
  const keepingOut = (...statements: readonly string[]) => ({
    ofCatalogue: true as const,
    problem: "lockedOut" as const,
    async lock(site: LockedSite) {
      await site.site.query(servers[0], `${statements.join(";\n")};\n`);
      for (const server of servers) await refused(site, server);
    },
  });
  const settings =
    (lines: string, how = reload) =>
    async (site: LockedSite, server: LockedServer) => {
      await site.asOwner(server, `printf '%s\\n' "${lines}" >>$data/postgresql.auto.conf; ${how}`);
      await refused(site, server);
    };
  const rows: readonly (LockOut & { readonly from?: Major })[] = [
    {
      name: "rules that are gone",
      said: "no rule of pg_hba.conf in force lets postgres in",
      problem: "lockedOut",
      done: "the declared pg_hba.conf was installed",
      lock: changed("/^.*all.*postgres/d"),
    },
    {
      name: "rules that reject everybody, before all others",
      said: "no rule of pg_hba.conf in force lets postgres in",
      problem: "lockedOut",
      done: "the declared pg_hba.conf was installed",
      lock: changed("'1i local all all reject\\nhost all all all reject'"),
    },
    {
      name: "a rule that asks otherwise",
      said: "the rules of pg_hba.conf in force ask postgres for another proof",
      problem: "lockedOut",
      done: "the declared pg_hba.conf was installed",
      // It still lets in who tells the password to anybody.
      lock: (site, server) =>
        site.asOwner(server, `sed -i '1i host all all 127.0.0.1/32 password' $data/pg_hba.conf; ${reload}; sleep 0.5`),
    },
    {
      name: "another password",
      said: "the password of postgres, or the form that it is kept in, is not the declared one",
      done: "as the server's OS user: the administrator's password was set",
      ...keepingOut("alter role postgres password 'by hand'"),
    },
    {
      name: "a password that is kept in another form",
      from: "10",
      said: "the password of postgres, or the form that it is kept in, is not the declared one",
      done: "as the server's OS user: the administrator's password was set",
      ...keepingOut("set password_encryption = md5", `alter role postgres password '${administrators}'`),
    },
    {
      name: "another name of the role",
      said: "there is no such role",
      done: "the role chief has its declared name again",
      ...keepingOut(
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
      ...keepingOut("alter role postgres nologin"),
    },
    {
      name: "a connection limit of none",
      said: "CONNECTION LIMIT of role postgres is 0, declared -1: SQL",
      ...sql("alter role postgres connection limit 0"),
    },
    {
      name: "all connections in use",
      said: "all connections are in use, those for superusers too",
      problem: "lockedOut",
      done: "one idle session of a client was ended",
      lock: (site, server) => site.asOwner(server, holdAll),
      end: (site, server) => site.asOwner(server, "kill $(cat /tmp/holder)"),
    },
    {
      name: "another port",
      said: "port is 5999, declared 5432: restart",
      problem: "listensElsewhere",
      lock: settings("port = 5999", restart),
    },
    {
      name: "no address to listen at",
      said: "listen_addresses is ''",
      problem: "listensElsewhere",
      lock: settings("listen_addresses = ''", restart),
    },
    {
      name: "a certificate that is not there",
      said: "ssl is on, declared ",
      problem: "stopped",
      lock: settings("ssl = on\nssl_cert_file = '/nowhere/server.crt'", restart),
    },
    {
      name: "a library that is not there, at each login",
      said: "what the server runs at login fails",
      done: "session_preload_libraries of the administrator's sessions was reset",
      ...keepingOut("alter role postgres set session_preload_libraries = 'nowhere'"),
    },
    {
      name: "a library that is not there, in the files",
      said: "what the server runs at login fails",
      problem: "lockedOut",
      done: "settings that decide who comes in were given their declared values",
      lock: settings("session_preload_libraries = 'nowhere'"),
    },
    {
      name: "a trigger at login that does not end",
      from: "17",
      said: "what the server runs at login does not end",
      done: "the login trigger waits was disabled",
      ...keepingOut(
        "create function wait() returns event_trigger language plpgsql as 'begin perform pg_sleep(3600); end'",
        "create event trigger waits on login execute function wait()",
        "alter event trigger waits enable always",
      ),
    },
    {
      name: "reading alone as the default",
      said: "default_transaction_read_only of role postgres is on",
      ...sql("alter role postgres set default_transaction_read_only = on"),
    },
  ];
  return rows.filter(({ from }) => from === undefined || atLeast(major, from));
}

/** More of them where the stack demands TLS. */
export const waysOfTls: readonly LockOut[] = [
  {
    name: "TLS that is turned off",
    said: "ssl is off, declared on",
    lock: (site, server) => site.asOwner(server, `echo "ssl = off" >>$data/postgresql.auto.conf; ${reload}; sleep 0.5`),
  },
  {
    name: "its certificate that is gone",
    said: "certificate",
    problem: "stopped",
    lock: (site, server) => site.asOwner(server, `rm $data.pgsite/server.crt; ${restart}`),
  },
];

/** Sessions that are idle, until nobody else comes in; each ends with the one process that keeps their input open. */
const holdAll = `mkfifo /tmp/held && { setsid sleep 600 >/tmp/held 2>&1 & echo $! >/tmp/holder; }
for n in $(seq 12); do setsid psql -Xq postgres </tmp/held >/dev/null 2>&1 & done
for n in $(seq 99); do
  psql -Xqc '' postgres >/dev/null 2>&1 || break
  setsid psql -Xq postgres </tmp/held >/dev/null 2>&1 & sleep 0.2
done
rm /tmp/held; ! psql -Xqc '' postgres >/dev/null 2>&1`;

/** Waits until the administrator gets no session any more where the server is declared to listen. */
async function refused(site: LockedSite, server: LockedServer): Promise<void> {
  await expect.poll(() => site.letsIn(server), { timeout: 10_000 }).toBe(false);
}
