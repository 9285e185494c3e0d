import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { triesAll } from "../support/everyRun.js";
import { entriesOf, Watch } from "../support/multihost/watch.js";
import { dataDirectories, insideAddress, RemoteSite, said, whyNoSite } from "../support/remoteSite.js";

const why = whyNoSite();
/** A server in what `pgsite status --json` prints. */
interface Status {
  readonly name: string;
  readonly state: string;
  readonly problems: readonly { readonly code: string }[];
}

const nothingToDo = /Resources:\n {4}\d+ unchanged\n/;

describe.skipIf(why !== undefined)(
  `the committed stacks on three hosts over SSH${why ? ` (${why})` : ""}`,
  { timeout: 240_000 },
  () => {
    let site: RemoteSite;
    let watch: Watch;
    const printed: string[] = [];

    beforeAll(async () => {
      site = await RemoteSite.make();
      const { hosts, control } = site.net;
      const folders = Object.entries(dataDirectories).map(([name, path]) => [name, [path, `${path}.pgsite`]]);
      watch = new Watch({ hosts, control, secret: site.secret, folders: Object.fromEntries(folders) });
      try {
        for (const stack of ["ctio", "fnal"]) printed.push(await site.up(stack));
      } finally {
        await watch.stop();
      }
    }, 300_000);

    afterAll(() => site?.remove(), 60_000);

    /** A file of a host's, as this machine sees it. */
    const onHost = (name: string, path: string) => `/proc/${site.host(name).pid}/root${path}`;
    const inData = (name: string, file: string) => join(dataDirectories[name] as string, file);
    const streaming = () => ["des10", "server3"].map((name) => `${name} ${site.host(name).address} streaming`);

    it("stream: server3 and des10 from server2, each from its own address", async () => {
      expect(await site.streaming("server2")).toEqual(streaming());
      const { stdout, stderr } = await site.pgsite(["status", "--json"]);
      expect(stderr).toBe("");
      const { servers } = JSON.parse(stdout) as { servers: Status[] };
      expect(
        servers
          .map(({ name, state, problems }) => `${name}: ${state}${problems.map(({ code }) => code).join()}`)
          .sort(),
      ).toEqual(["des10: in recovery, read-only", "server2: read-write", "server3: in recovery, refuses queries"]);
    });

    it("show on the mirror, in the other stack, what was written on the primary; the standby is warm", async () => {
      await site.query("server2", "create table mark as select 'written on server2' as text");
      await expect
        .poll(() => site.query("des10", "select text from mark").catch(String), { timeout: 10_000 })
        .toBe("written on server2");
      expect((await site.psql("inside", "des10", "create table other ()")).stderr).toContain("read-only transaction");
      expect((await site.psql("inside", "server3", "select 1")).stderr).toMatch(
        /FATAL: {2}the database system is (not accepting connections|starting up)/,
      );
    });

    describe("let in whom the stack file says, by the address that one calls from", () => {
      const own = "decam-dev-client";
      const addressOf = (from: string) =>
        ({ inside: insideAddress, [own]: site.host("client").address, undeclared: site.addressAt(99) })[from] ??
        site.net.hosts.find(({ name }) => name === from)?.address ??
        from;

      it.each([
        ["inside", "server2", {}],
        ["139.229.14.127", "server2", {}],
        ["139.229.14.127", "server2", { database: "decam_dev" }],
        [own, "server2", { database: "decam_dev" }],
        ["139.229.14.1", "des10", {}],
      ])("%s to %s: accepted (%o)", async (from, to, login) => {
        const answer = await site.psql(
          from === own ? addressOf(own) : from,
          to,
          "select host(inet_client_addr())",
          login,
        );
        expect(answer).toEqual({ code: 0, stdout: `${addressOf(from)}\n`, stderr: "" });
      });

      it.each([
        ["139.229.14.128", "server2", {}],
        [own, "server2", {}],
        [own, "server2", { database: "decam_dev", user: "postgres" }],
        [own, "des10", { database: "decam_dev" }],
        ["undeclared", "server2", { database: "decam_dev" }],
        ["server3", "server2", {}],
        ["server2", "des10", {}],
      ])("%s to %s: refused (%o)", async (from, to, login) => {
        const caller = from === own || from === "undeclared" ? addressOf(from) : from;
        const { code, stderr } = await site.psql(caller, to, "select 1", login);
        const { user = "dbadmin", database = "postgres" }: { user?: string; database?: string } = login;
        expect(stderr).toContain(
          `no pg_hba.conf entry for host "${addressOf(from)}", user "${user}", database "${database}"`,
        );
        expect(code).toBe(2);
      });

      it.each([
        ["server3", true],
        ["des10", true],
        ["inside", false],
        [own, false],
      ])("%s to server2 for replication: %s", async (from, isLetIn) => {
        const database = "dbname=postgres replication=yes";
        const caller = from === own ? addressOf(own) : from;
        const { code, stderr } = await site.psql(caller, "server2", "IDENTIFY_SYSTEM", { database });
        if (!isLetIn) expect(stderr).toContain("no pg_hba.conf entry for replication connection");
        expect(code === 0).toBe(isLetIn);
      });
    });

    it("showed no secret in any list of processes while they came up, and printed none", () => {
      expect(watch.samples).toBeGreaterThan(20);
      expect([...watch.programs]).toEqual(expect.arrayContaining(["sshd", "sudo", "sh", "postgres"]));
      expect([...watch.found]).toEqual([]);
      expect(printed.filter((text) => text.includes(site.secret))).toEqual([]);
    });

    it("keep files at 0600, folders and the runbook's scripts at 0700, of the OS user", async () => {
      const program = /\.pgsite\/runbook\/(failover|guard|rejoin|repoint)$/;
      for (const [name, data] of Object.entries(dataDirectories)) {
        for (const folder of [data, `${data}.pgsite`]) {
          const all = [...entriesOf(onHost(name, ""), folder)].filter(({ isLink }) => !isLink);
          expect(all.length).toBeGreaterThan(3);
          const right = (path: string, isFolder: boolean) => (isFolder || program.test(path) ? 0o700 : 0o600);
          expect(all.filter(({ mode, path, isFolder }) => mode !== right(path, isFolder))).toEqual([]);
          const others = await site.host(name).must(["find", folder, "!", "-user", "postgres"]);
          expect(others).toBe("");
        }
      }
    });

    it("hold nothing that a second preview would change", async () => {
      for (const stack of ["ctio", "fnal"]) {
        expect(await site.preview(stack, "--expect-no-changes")).toMatch(nothingToDo);
      }
    });

    it.each([
      ["server2", "ctio", "read-write"],
      ["server3", "ctio", "in recovery, refuses queries"],
      ["des10", "fnal", "in recovery, read-only"],
    ])("come back after a power cut of %s, with no Pulumi, in their roles", async (name, stack, state) => {
      const mark = `reboot of ${name}`;
      const old = `backend_start < '${await site.query("server2", "select clock_timestamp()")}'`;
      await site.reboot(name);
      const found = async () => {
        const { servers } = JSON.parse((await site.pgsite(["status", "--json"])).stdout) as { servers: Status[] };
        return servers.find((server) => server.name === name)?.state;
      };
      await expect.poll(found, { timeout: 30_000, interval: 500 }).toBe(state);
      // As wal_sender_timeout does a minute later: nobody told the primary that its standby has gone.
      await site.query("server2", `select pg_terminate_backend(pid) from pg_stat_replication where ${old}`);
      await expect.poll(() => site.streaming("server2"), { timeout: 30_000 }).toEqual(streaming());
      await site.query("server2", `insert into mark values ('${mark}')`);
      const seen = () => site.query("des10", `select count(*) from mark where text = '${mark}'`);
      await expect.poll(seen, { timeout: 10_000 }).toBe("1");
      expect(await site.preview(stack, "--expect-no-changes")).toMatch(nothingToDo);
    });

    it("and changed by hand on a host: the preview shows it, and an up heals it", async () => {
      const changes = [
        ["ctio", "server3", "postgresql.conf", "work_mem = '64MB'"],
        ["fnal", "des10", "pg_hba.conf", "host all all 0.0.0.0/0 trust"],
      ] as const;
      for (const [stack, name, file, line] of changes) {
        const path = inData(name, file);
        const before = readFileSync(onHost(name, path), "utf8");
        await site.host(name).must(["sh", "-c", 'echo "$1" >>"$2"', "sh", line, path]);
        expect(await site.preview(stack)).toContain(`- ${line}`);
        await site.up(stack);
        expect(readFileSync(onHost(name, path), "utf8")).toBe(before);
      }
      expect(await site.streaming("server2")).toEqual(streaming());
    });

    it("have a lost data directory seeded again, also from the other stack's server", async () => {
      await site.lose("des10");
      expect(await site.preview("fnal")).toContain("des10: the data directory is gone: seed again");
      expect(await site.up("fnal")).toContain("des10 has a base backup of server2");
      expect(await site.streaming("server2")).toEqual(streaming());
      expect(await site.query("des10", "select min(text) from mark where text like 'written%'")).toBe(
        "written on server2",
      );
    });

    // On one machine: cutOff.test.ts; without Pulumi: baseBackupBetween.test.ts.
    it.runIf(triesAll())(
      "copy nothing any more once pulumi was killed in the middle of a base backup; cancel and up make it whole",
      async () => {
        await site.lose("server3");
        await site.slowly("server2", 16, async () => {
          const run = site.startUp("ctio");
          await site.untilCopying("server3");
          process.kill(run.pid, "SIGKILL");
          expect((await run.finished).code).not.toBe(0);
          await site.untilNothingIsLeft();
        });
        expect(existsSync(onHost("server3", inData("server3", "global/pg_control")))).toBe(false);
        expect(existsSync(onHost("server3", inData("server3", "pgsite.incomplete")))).toBe(true);
        await expect.poll(() => site.heldOn("server2"), { timeout: 10_000 }).toBe("0");

        expect(said(await site.startUp("ctio").finished)).toContain("the stack is currently locked by 1 lock");
        await site.must("ctio", ["cancel", "--yes"]);
        const again = await site.up("ctio");
        expect(again).toContain("server3: the data directory is incomplete (its seeding was cut off): seed again");
        expect(again).toContain("server3 has a base backup of server2");
        expect(await site.streaming("server2")).toEqual(streaming());
        expect(await site.preview("ctio")).toMatch(nothingToDo);
      },
    );

    it("executed nothing of what their passwords say", async () => {
      expect(await site.executed()).toBe("");
    });
  },
);
