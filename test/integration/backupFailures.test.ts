import type { ChildProcess } from "node:child_process";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BackedUp, eventsOf, type JobRun, rulesOf } from "../support/backedUp.js";
import { debianPrograms, haveClients, processesOf } from "../support/ownServer.js";

const small = { decam_dev: rulesOf({}) };
const ruled = { decam: rulesOf({ groups: { telemetry: ["telemetry.*"] } }), ...small };

describe.skipIf(!haveClients())("a run of the backups that fails", () => {
  let site: BackedUp;
  let good = "";
  let before = "";

  beforeAll(async () => {
    site = await BackedUp.make({ rows: 100 }, { databases: small, keep: { last: 0, daily: 0, weekly: 0, monthly: 0 } });
    good = await goodRun();
    before = hashes();
  }, 60_000);

  afterAll(async () => {
    await site?.close();
  });

  const hashes = () =>
    execFileSync("sh", ["-c", `cd '${site.folder}/${good}' && find . -type f -exec sha256sum {} +`]).toString();

  async function goodRun(): Promise<string> {
    site.mails();
    const { code, stderr, events } = await site.backup();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const [mail = ""] = site.mails();
    expect(mail).toMatch(/^Subject: \[sispi\] server2: backup good, /m);
    return events.find(([word]) => word === "made")?.[1] ?? "";
  }

  /** The run failed by this cause, and is seen to; the older one is as it was, and the next one good. */
  async function failedBy(cause: string, object: string, words: RegExp, { code, events }: JobRun): Promise<void> {
    const failed = events.find(([word]) => word === "failed") ?? [];
    expect([code, ...failed.slice(0, 3)]).toEqual([1, "failed", cause, object]);
    expect(failed[3]).toMatch(words);
    const [mail = "", ...others] = site.mails();
    expect(others).toEqual([]);
    expect(mail).toMatch(/^Subject: \[sispi\] server2: backup FAILED, /m);
    expect(mail).toMatch(words);
    const [, , , , run, state] = failed;
    const partial = state === "partial" ? [`${run}.partial`] : [];
    expect(site.runs().filter((name) => name.endsWith(".partial"))).toEqual(partial);
    if (partial.length > 0) expect(mail).toContain(`${run}.partial; it is not whole`);
    expect(hashes()).toBe(before);
    const next = await goodRun();
    expect(site.runs()).toEqual([good, next].sort());
    rmSync(join(site.folder, next), { recursive: true });
  }

  /** Holds a table while a run is made. */
  async function locked(
    during: (release: () => Promise<void>, run: Promise<JobRun>) => Promise<void>,
  ): Promise<JobRun> {
    const holder = await hold("decam_dev", "public.trial");
    const run = site.backup();
    try {
      await expect.poll(() => waiting(), { timeout: 10_000, interval: 50 }).toBe("1");
      await during(() => letGo(holder), run);
      return await run;
    } finally {
      await letGo(holder);
      await run;
    }
  }

  const waiting = () =>
    site.server.query(
      "postgres",
      "select count(*) from pg_locks l join pg_stat_activity a using (pid) where not l.granted and a.application_name = 'pgsite backup'",
    );

  async function hold(database: string, table: string): Promise<ChildProcess> {
    const argv = [`${debianPrograms}/psql`, "-XqAt", "-d", database];
    const child = site.server.spawn(argv, { PGAPPNAME: "a table's owner" });
    child.stdin?.write(`begin; lock table ${table};\n\\echo held\n`);
    await new Promise<void>((resolve) => child.stdout?.once("data", () => resolve()));
    return child;
  }

  async function letGo(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once("close", resolve));
    child.stdin?.end();
    await ended;
  }

  it("names who has locked a table", async () => {
    const run = await locked(async (_, ended) => {
      await ended;
    });
    const words =
      /^process \d+ of user postgres, application "a table's owner", from this host has locked public\.trial of database decam_dev, in a transaction since \d+ s, for more than 2 s$/m;
    await failedBy("lock", "decam_dev/whole.dump", /has locked public\.trial of database decam_dev/, run);
    expect(run.events.find(([word]) => word === "failed")?.[3]).toMatch(words);
  });

  it("names who has locked a table of a database with rules, before any dump is made", async () => {
    await site.install({ databases: ruled });
    const holder = await hold("decam", "telemetry.dome");
    const run = await site.backup().finally(() => letGo(holder));
    await site.install({ databases: small });
    await failedBy(
      "lock",
      "decam",
      /"a table's owner", from this host has locked telemetry\.dome of database decam/,
      run,
    );
  });

  it("says that pg_dump was killed", async () => {
    const run = await locked(async () => {
      for (const pid of processesOf(site.server, "pg_dump")) process.kill(pid, "SIGKILL");
    });
    await failedBy("killed", "decam_dev/whole.dump", /pg_dump was ended by signal 9/, run);
  });

  it("says that the server has stopped", async () => {
    const run = await locked(async (_, ended) => {
      await site.server.stop("immediate");
      await ended;
      await site.server.start();
    });
    await failedBy("server", "decam_dev/whole.dump", /the server has stopped, or does not answer/, run);
  });

  it("says that the server does not answer at all", async () => {
    await site.server.stop();
    const run = await site.backup();
    await site.server.start();
    await failedBy("server", "server2", /it does not answer: .*refused|No such file/, run);
  });

  it("says that somebody has ended the session that holds the snapshot", async () => {
    await site.install({ databases: ruled });
    const run = await locked(async (release) => {
      const ended = await site.server.query(
        "decam",
        `select count(pg_terminate_backend(pid)) from pg_stat_activity
           where datname = 'decam' and application_name = 'pgsite backup' and state = 'idle in transaction'`,
      );
      expect(Number(ended)).toBeGreaterThan(0);
      await release();
    });
    await site.install({ databases: small });
    await failedBy("session", "decam", /was ended by somebody/, run);
  });

  it("finds a byte that the disk has changed since pg_dump wrote it", async () => {
    let changed = "";
    await site.install({ databases: ruled });
    const run = await locked(async (release) => {
      const partial = site.runs().find((name) => name.endsWith(".partial")) ?? "";
      changed = join(site.folder, partial, "decam/telemetry.dump");
      // The one that waits is the only one that is still being written.
      await expect.poll(() => processesOf(site.server, "pg_dump").length, { timeout: 5000 }).toBe(1);
      const content = readFileSync(changed);
      content[1000] = (content[1000] as number) ^ 1;
      writeFileSync(changed, content);
      await release();
    });
    await site.install({ databases: small });
    await failedBy("checksum", "decam/telemetry.dump", /what lies on the disk is not what pg_dump wrote/, run);
  });

  it("ends at once, and says so, where another one goes on", async () => {
    const run = await locked(async (release) => {
      const second = await site.backup();
      expect(second.code).toBe(75);
      expect(second.events.map(([word, cause]) => [word, cause])).toEqual([["failed", "busy"]]);
      const [mail = ""] = site.mails();
      expect(mail).toMatch(/^Subject: .* FAILED, another run goes on$/m);
      expect(mail).toMatch(/a run goes on since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \(process \d+\)/);
      await release();
    });
    expect(run.code).toBe(0);
    rmSync(join(site.folder, run.events.find(([word]) => word === "made")?.[1] ?? "-"), { recursive: true });
  });

  it("leaves what a run that was killed had made; the next one names it, and no session stays", async () => {
    await site.install({ databases: ruled });
    const holder = await hold("decam_dev", "public.trial");
    const child = site.server.spawn([site.program("backup")], {});
    const ended = new Promise((resolve) => child.once("close", resolve));
    try {
      await expect.poll(() => waiting(), { timeout: 10_000, interval: 50 }).toBe("1");
    } finally {
      child.kill("SIGKILL");
      await letGo(holder);
    }
    await ended;
    const sessions = "select count(*) from pg_stat_activity where application_name = 'pgsite backup'";
    await expect.poll(() => site.server.query("postgres", sessions), { timeout: 10_000 }).toBe("0");
    await site.install({ databases: small });
    const [partial] = site.runs().filter((name) => name.endsWith(".partial"));
    const { code } = await site.backup();
    expect(code).toBe(0);
    expect(site.mails().join()).toContain(`The run ${partial?.replace(".partial", "")} was cut off`);
    for (const run of site.runs().filter((name) => name !== good)) rmSync(join(site.folder, run), { recursive: true });
  });

  it("says that a signal has ended it, and leaves no process", async () => {
    const holder = await hold("decam_dev", "public.trial");
    const child = site.server.spawn([site.program("backup"), "--events"], {});
    let said = "";
    child.stdout?.on("data", (text) => {
      said += text;
    });
    const ended = new Promise<number>((resolve) => child.once("close", (code) => resolve(code ?? -1)));
    try {
      await expect.poll(() => waiting(), { timeout: 10_000, interval: 50 }).toBe("1");
      child.kill("SIGTERM");
      expect(await ended).toBe(143);
    } finally {
      await letGo(holder);
    }
    expect(processesOf(site.server, "pg_dump")).toEqual([]);
    await failedBy("ended", "server2", /the program was ended with status 143/, {
      code: 1,
      stdout: said,
      stderr: "",
      events: eventsOf(said),
    });
  });

  it("is whole although its copy's place is down, and is copied by the next run", async () => {
    const address = "127.0.151.9";
    const ssh = { user: "nobody", address, port: 9 };
    const folder = join(site.server.folder, "copies");
    const blocked = { name: "local", folder, foreign: false };
    writeFileSync(folder, "a file where the folder should be");
    await site.install({ places: [{ name: "server3", folder: "/nowhere", ssh, foreign: false }, blocked] });
    const { code, events } = await site.backup();
    const made = events.find(([word]) => word === "made")?.[1] ?? "";
    expect(code).toBe(1);
    expect(events.filter(([word]) => word === "trouble").map((event) => event.slice(1))).toEqual([
      ["copy", "server3", expect.stringMatching(/does not answer: ssh: /)],
      ["copy", `local ${made}`, expect.stringMatching(/its folder cannot be made/)],
    ]);
    const [mail = ""] = site.mails();
    expect(mail).toMatch(/^Subject: .* made, but not copied$/m);
    rmSync(folder);
    await site.install({ places: [blocked] });
    const next = await goodRun();
    expect(site.runs(folder)).toEqual([next]);
    await site.install({ places: [] });
    for (const run of [made, next]) rmSync(join(site.folder, run), { recursive: true });
  });

  it("is good when the clock was set back, and says so", async () => {
    const { code, events } = await site.backup({ PGSITE_NOW: "1700000000" });
    expect(code).toBe(0);
    expect(events.find(([word]) => word === "made")?.[1]).toBe("20231114T221320Z");
    const again = await site.backup({ PGSITE_NOW: "1700000000" });
    expect(again.events.find(([word]) => word === "made")?.[1]).toBe("20231114T221321Z");
    for (const mail of site.mails()) expect(mail).toContain("The clock was set back");
    for (const run of site.runs().filter((name) => name.startsWith("2023")))
      rmSync(join(site.folder, run), { recursive: true });
  });

  describe.skipIf(process.getuid?.() !== 0)("on a disk of its own", () => {
    let disk = "";

    beforeAll(async () => {
      disk = join(site.server.folder, "disk");
      mkdirSync(disk);
      execFileSync("mount", ["-t", "tmpfs", "-o", `size=400k,mode=0700,uid=${site.server.uid}`, "tmpfs", disk]);
      await site.install({ folder: disk, databases: ruled });
    });

    afterAll(async () => {
      execFileSync("umount", [disk]);
      await site.install({ folder: site.folder });
    });

    it("says that the disk is full", async () => {
      writeFileSync(join(disk, "filler"), Buffer.alloc(330_000));
      const { code, events } = await site.backup();
      const failed = events.find(([word]) => word === "failed") ?? [];
      expect([code, ...failed.slice(0, 2)]).toEqual([1, "failed", "space"]);
      expect(site.mails()[0]).toMatch(/^Subject: .* FAILED, no space$/m);
      expect(site.runs(disk)).toEqual([expect.stringMatching(/Z\.partial$/), "filler"]);
    });

    it("foresees that it will be full, and writes nothing", async () => {
      rmSync(join(disk, "filler"));
      const made = await goodRun();
      expect(site.runs(disk)).toEqual([made]);
      writeFileSync(join(disk, "filler"), Buffer.alloc(150_000));
      const { code, events } = await site.backup();
      expect(code).toBe(1);
      const [failed, ...others] = events.filter(([word]) => word !== "remark");
      expect(failed?.slice(0, 3)).toEqual(["failed", "space", disk]);
      expect(others).toEqual([]);
      expect(site.mails()[0]).toMatch(
        /a run will need [\d.]+ kB, as the last one shows, and [\d.]+ kB are free; nothing was written/,
      );
      expect(site.runs(disk)).toEqual([made, "filler"]);
    });
  });
});
