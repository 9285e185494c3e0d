import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { triedAt } from "../support/everyRun.js";
import { LocalSite, procFile } from "../support/localSite.js";
import { until } from "../support/processes.js";

/** Everything that some syntax on the way could stumble over. The first word tells whose it is, however it is escaped. */
const awkward = `'q' "dq" \\ \\\\ sp  ace:$HOME%s%%"'ümläut✓`;
const cores = ["zq7postgres", "zq7replicator", "zq7reader", "zq7changed"];
const passwords = Object.fromEntries(
  ["postgres", "replicator", "reader"].map((role) => [role, `zq7${role}${awkward}`]),
);

/** Looks at every process and at the modes of what pgsite keeps, again and again, until it is told to stop. */
class Watch {
  readonly found = new Set<string>();
  samples = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(private readonly site: LocalSite) {
    this.#timer = setInterval(() => this.#look(), 15);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    this.samples += 1;
    for (const pid of readdirSync("/proc").map(Number).filter(Number.isInteger)) {
      const words = procFile(pid, "cmdline");
      if (shows(words)) this.found.add(`the command line of ${pid}: ${words.replaceAll("\0", " ")}`);
      // What Pulumi itself starts: it hands the program, and a provider that is called like the project, the configuration
      // so (readable by the same OS user only). The provider's launcher drops it before it starts anything.
      const isPulumis =
        /@pulumi\/pulumi\/cmd\/run|\/toolchain\/launch\/sdk\.js\0|^\/bin\/sh\0\S*\/pulumi-resource-pgsite\0/.test(
          words,
        );
      // No command line at all: it is between two programs, and is seen as the second next time.
      const isBetween = words === "";
      if (!isPulumis && !isBetween && shows(procFile(pid, "environ"))) this.found.add(`the environment of ${words}`);
    }
    for (const server of ["server2", "server3"]) {
      const control = this.site.controlDirectory(server);
      this.#private(this.site.dataDirectory(server), 0o700);
      this.#private(control, 0o700);
      for (const name of namesIn(control)) {
        if (/^(passfile|\..*pgsite-new|identity\.json)$/.test(name)) this.#private(join(control, name), 0o600);
      }
    }
  }

  #private(path: string, mode: number): void {
    const status = statSync(path, { throwIfNoEntry: false });
    if (status === undefined || (status.mode & 0o777 & ~mode) === 0) return;
    this.found.add(`${path} has mode ${(status.mode & 0o777).toString(8)}`);
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function shows(text: string): boolean {
  return cores.some((core) => text.includes(core));
}

/** The files of a tree that hold a password. */
function filesThatShow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => {
      try {
        return shows(readFileSync(path, "latin1"));
      } catch {
        return false; // It went away meanwhile.
      }
    })
    .sort();
}

const versions = [
  { major: "10", block: 64, collation: "C" },
  { major: "18", block: 65, collation: "C.UTF-8" },
] as const;

describe.each(triedAt(versions, "18"))(
  "passwords that are awkward to quote, at $major",
  { timeout: 90_000 },
  ({ major, block, collation }) => {
    let site: LocalSite;
    let watch: Watch;
    const printed: string[] = [];
    const description = {
      roles: { reader: {} },
      access: ["host all reader 127.0.0.1/32 scram-sha-256"],
      initdb: { locale: collation },
      settings: {
        log_statement: "all",
        log_min_duration_statement: 0,
        log_min_error_statement: "debug5",
        log_connections: true,
        log_error_verbosity: "verbose",
      },
    };

    beforeAll(async () => {
      site = await LocalSite.make({ major, block, passwords, description });
      watch = new Watch(site);
    }, 60_000);

    afterAll(async () => {
      watch?.stop();
      await site?.remove();
    });

    it("are not shown by an up that fails, in a command or in SQL", async () => {
      // Not with -v: then Pulumi itself logs every property of every resource, secret or not, as its manual warns.
      site.declare({ roles: { reader: { connectionLimit: 3_000_000_000 } } });
      const sql = await site.failing("up", ["--diff"]);
      expect(sql).toContain('syntax error at or near "3000000000"');
      site.declare();
      // Somebody takes the port after the preflight has found it free: the command that starts the server fails.
      const inTheWay = createServer((connection) => connection.destroy());
      try {
        const failing = site.failing("up", ["--diff"]);
        await until("the seeding of server3", () => existsSync(site.dataDirectory("server3")));
        inTheWay.listen(5442, site.address("server3"));
        const command = await failing;
        expect(command).toMatch(/server3 does not start: .*could not bind/);
        printed.push(sql, command);
      } finally {
        inTheWay.close();
      }
    });

    it("work for the administrator, the replication role and an application's role", async () => {
      printed.push(await site.up(["--diff"]));
      const [row] = await site.query("server2", "select usename, state from pg_stat_replication");
      expect(row).toEqual({ usename: "replicator", state: "streaming" });
      for (const server of ["server2", "server3"]) {
        const me = await site.query(server, "select current_user as me", { user: "reader" });
        expect(me).toEqual([{ me: "reader" }]);
      }
      const wrong = site.query("server2", "select 1", { user: "reader", password: "zq7reader" });
      await expect(wrong).rejects.toThrow("password authentication failed");
      const verifiers =
        "select distinct left(rolpassword, 14) as verifier from pg_authid where rolpassword is not null";
      expect(await site.query("server2", verifiers)).toEqual([{ verifier: "SCRAM-SHA-256$" }]);
      const database = await site.query("server2", "select datcollate from pg_database where datname = 'postgres'");
      expect(database).toEqual([{ datcollate: collation }]);
    });

    it("can be changed to others as awkward, of each role at once", async () => {
      for (const role of Object.keys(passwords)) await site.setPassword(role, `zq7changed ${role}${awkward}`);
      const shown = await site.preview();
      expect(shown).toContain("passfile on server3 is another than declared (secret, so not shown): install");
      printed.push(shown, await site.up(["--diff"]));
      await site.query("server2", "select pg_terminate_backend(pid) from pg_stat_replication");
      const state = async () => (await site.query("server2", "select state from pg_stat_replication"))[0]?.state;
      await expect.poll(() => state(), { timeout: 15_000 }).toBe("streaming");
      expect(await site.query("server2", "select 1 as one", { user: "reader" })).toEqual([{ one: "1" }]);
      expect(await site.preview()).toMatch(/Resources:\n {4}\d+ unchanged\n/);
    });

    it("appear in no process list, in no mode that others can read, and in no file but the passfiles", async () => {
      expect(watch.samples).toBeGreaterThan(20);
      expect([...watch.found]).toEqual([]);
      const passfiles = ["server2", "server3"].map((server) => join(site.controlDirectory(server), "passfile"));
      expect(filesThatShow(site.folder)).toEqual(passfiles);
      for (const path of passfiles) expect(statSync(path).mode & 0o777).toBe(0o600);
      // The stack file, Pulumi's state with its history and backups, its home, and what it wrote beside the program.
      expect(filesThatShow(dirname(site.sandbox.program))).toEqual([]);
    });

    it("are not in the servers' logs as verifiers, though these log every statement", () => {
      const log = readFileSync(join(site.controlDirectory("server2"), "start.log"), "utf8");
      expect(log).toContain("ALTER ROLE");
      expect(log).not.toMatch(/SCRAM-SHA-256\$\d/);
    });

    it("appear in nothing that pulumi printed: not in previews, ups, exports, nor the destroy", async () => {
      printed.push(await site.exported(), await site.destroy());
      for (const text of printed) {
        const at = cores.map((core) => text.indexOf(core)).find((index) => index >= 0);
        expect(at === undefined ? "" : text.slice(Math.max(0, at - 300), at + 40)).toBe("");
      }
      expect(filesThatShow(dirname(site.sandbox.program))).toEqual([]);
    });
  },
);
