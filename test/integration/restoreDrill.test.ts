import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runsOf } from "../../servers/backups/runs.js";
import { BackedUp } from "../support/backedUp.js";
import { haveClients, processesOf } from "../support/ownServer.js";
import { drilled } from "../support/restored.js";

describe.skipIf(!haveClients())("a drill", () => {
  let site: BackedUp;
  let run = "";
  const jobs = () => join(site.control, "jobs");
  const scratch = () => join(jobs(), "drill");
  const verified = () => join(site.folder, run, "verified");

  beforeAll(async () => {
    site = await BackedUp.make({ rows: 100 });
    await site.install({
      places: [{ name: "server3", folder: join(site.server.folder, "copies"), foreign: false }],
    });
    const { code, stderr, events } = await site.backup();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    run = events.find(([word]) => word === "made")?.[1] ?? "";
    site.mails();
  }, 90_000);

  afterAll(async () => {
    await site?.close();
  }, 60_000);

  /** Of the scratch server. */
  function isUp(): boolean {
    const log = join(scratch(), "log");
    return existsSync(log) && readFileSync(log, "utf8").includes("ready to accept connections");
  }

  /** A dump's bytes, with the manifest saying that they are what was written. */
  function plant(file: string, bytes: Buffer): void {
    const manifest = join(site.folder, run, "manifest");
    const sum = createHash("sha256").update(bytes).digest("hex");
    const lines = readFileSync(manifest, "utf8").split("\n");
    const changed = lines.map((line) => {
      const fields = line.split("\t");
      if (fields[0] !== "file" || fields[1] !== file) return line;
      return ["file", file, `${bytes.length}`, sum, ...fields.slice(4)].join("\t");
    });
    writeFileSync(manifest, changed.join("\n"));
    writeFileSync(join(site.folder, run, file), bytes);
  }

  it("finds a row that a dump lacks, says where, and leaves nothing", async () => {
    const manifest = join(site.folder, run, "manifest");
    const file = "decamcrl/whole.dump";
    const [good, goodManifest] = [readFileSync(join(site.folder, run, file)), readFileSync(manifest)];
    // The same database, but for one row, dumped anew: only the count can tell.
    const row = await site.server.query("decamcrl", "delete from ecl.entry where id = 3 returning *");
    const { serverPrograms } = site.server;
    await site.server.must([
      join(serverPrograms, "pg_dump"),
      "-Fc",
      "-f",
      join(site.server.folder, "less"),
      "decamcrl",
    ]);
    plant(file, readFileSync(join(site.server.folder, "less")));
    expect(row).not.toBe("");
    const { outcome, events } = await drilled(site);
    expect(outcome).toMatchObject({ code: "failed", cause: "differs" });
    expect(events.flatMap((event) => (event.code === "difference" ? [event.difference] : []))).toEqual([
      { code: "rows", database: "decamcrl", schema: "ecl", table: "entry", expected: 20, found: 19 },
    ]);
    expect(existsSync(verified())).toBe(false);
    expect(existsSync(scratch())).toBe(false);
    const [mail = ""] = site.mails();
    expect(mail).toContain(`Subject: [sispi] server2: DRILL FAILED of ${run}: differs`);
    expect(mail).toContain("decamcrl: ecl.entry has 19 rows, and the run says 20");
    writeFileSync(join(site.folder, run, file), good);
    writeFileSync(manifest, goodManifest);
  }, 60_000);

  it("that is killed leaves its scratch server to the next one; one that is ended says so itself", async () => {
    const child = site.server.spawn([site.program("drill"), "--events"]);
    const ended = new Promise((resolve) => child.once("close", resolve));
    await until(isUp);
    const pid = Number(readFileSync(join(scratch(), "data", "postmaster.pid"), "utf8").split("\n")[0]);
    child.kill("SIGKILL");
    await Promise.race([ended, sleep(1000)]);
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    const controller = new AbortController();
    const second = drilled(site, {}, controller.signal).catch((error: Error) => error);
    await until(() => !existsSync(`/proc/${pid}`));
    await until(isUp);
    controller.abort(new Error("the test has seen enough"));
    await second;
    await until(() => !existsSync(scratch()));
    await until(() => processesOf(site.server).length === 0);
    const [mail = ""] = site.mails();
    expect(mail).toContain("it was ended before it was through");
    expect(existsSync(verified())).toBe(false);
  }, 60_000);

  it("restores a run, finds it equal, says so everywhere, and leaves nothing", async () => {
    const before = await site.server.query("postgres", "select count(*) from pg_stat_activity");
    const { outcome, events } = await drilled(site);
    expect(events.filter(({ code }) => code === "error" || code === "difference" || code === "remark")).toEqual([]);
    expect(outcome).toMatchObject({ code: "equal" });
    const compared = events.flatMap((event) => (event.code === "compared" ? [event] : []));
    expect(compared.map(({ database, equal }) => [database, equal])).toEqual(
      expect.arrayContaining([
        ["decam", true],
        ["desbrdev", true],
        ["decamcrl", true],
      ]),
    );
    expect(compared.find(({ database }) => database === "decam")?.tables).toBeGreaterThan(25);
    const facts = Object.fromEntries(
      readFileSync(verified(), "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => line.split("\t") as [string, string]),
    );
    expect(facts.server).toBe("server2");
    expect(facts.manifest).toBe(
      createHash("sha256")
        .update(readFileSync(join(site.folder, run, "manifest")))
        .digest("hex"),
    );
    expect(statSync(verified()).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(site.server.folder, "copies", run, "verified"), "utf8")).toBe(
      readFileSync(verified(), "utf8"),
    );
    expect(readdirSync(jobs()).filter((name) => /drill$|^\.drill/.test(name))).toEqual([]);
    expect(processesOf(site.server)).toEqual([]);
    expect(await site.server.query("postgres", "select count(*) from pg_stat_activity")).toBe(before);
    const [mail = ""] = site.mails();
    expect(mail).toContain(`Subject: [sispi] server2: drill of ${run}: equal`);
    expect(mail).toContain(`drill of ${run}: equal; 3 databases, `);
  }, 60_000);

  it("shows in the list of runs, in each place", async () => {
    const server = {
      name: "server2",
      host: { name: "server2", transport: "local", address: "127.0.0.1", user: site.server.user },
      controlDirectory: site.control,
      dataDirectory: site.server.data,
      version: "15",
      settings: {},
    };
    const stack = {
      name: "sispi",
      administrator: "postgres",
      servers: [server],
      backups: { folders: { server2: site.folder }, copies: [], databases: {}, keep: {} },
    };
    const { places, unknown } = await runsOf(stack as never, new AbortController().signal);
    expect(unknown).toEqual([]);
    expect(places.map(({ place, at, runs }) => [place, at, runs.map(({ name, state }) => [name, state])])).toEqual([
      ["here", "server2", [[run, "verified"]]],
      ["server3", "server2", [[run, "verified"]]],
    ]);
  });

  it("gives a run another name that is not what was written", async () => {
    const path = join(site.folder, run, "decam", "monsoon.dump");
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 4;
    writeFileSync(path, bytes);
    const { outcome } = await drilled(site, { place: "here" });
    expect(outcome).toMatchObject({ code: "failed", cause: "damaged" });
    expect(site.runs()).toEqual([`${run}.damaged`]);
    // The copy is as good as before.
    const next = await site.run("runs", []);
    expect(next.events).toContainEqual(expect.arrayContaining(["run", "server3", run, "verified"]));
  }, 30_000);
});

async function until(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !holds(); await sleep(20)) {
    if (Date.now() > end) throw new Error("it did not come to that within 20 s");
  }
}
