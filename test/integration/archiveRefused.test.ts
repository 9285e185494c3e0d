import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { segmentAfter } from "../../servers/wal/walSegments.js";
import { ArchiveSite } from "../support/archiveSite.js";
import { Cluster } from "../support/cluster.js";
import { until } from "../support/processes.js";

const major = "15";
let site: ArchiveSite;
let other: Cluster | undefined;

beforeAll(async () => {
  site = await ArchiveSite.make({ major, block: 122 });
  await site.site.up();
  await site.site.query("server2", ["create table day (n int, filler text)"]);
  await site.write(20);
}, 120_000);

afterAll(async () => {
  await other?.close();
  await site?.remove();
}, 60_000);

/** A refusal: one line, and nothing unpacked or started. */
async function refused(name: string): Promise<string> {
  const { code, text } = await site.restore(name);
  expect(code).toBe(1);
  expect(existsSync(site.dataDirectory), text).toBe(false);
  const lines = text.split("\n").filter((line) => line.startsWith("pgsite: "));
  expect(lines, text).toHaveLength(1);
  expect(lines[0]).toMatch(/; nothing was touched$/);
  return lines[0]?.replaceAll(site.site.folder, "") ?? "";
}

describe("an archive", () => {
  it("without a slot says how long its WAL will be there", async () => {
    const said = await site.create("whole", "--split", "1MB");
    expect(said).toMatch(
      /server2 keeps 67\.1 MB of WAL \(wal_keep_size 64MB\): .*If the mirror starts later than that lasts, its WAL may be gone: raise it, or have a slot keep it \(--slot\)/,
    );
    expect(await site.pgsite(["archive", "create", "--stack", "site", "--output", site.folder("whole")])).toMatchObject(
      {
        code: 1,
        text: expect.stringContaining("holds an archive already"),
      },
    );
  }, 60_000);

  it.each([
    ["cut short", (path: string) => truncateSync(path, 1000), "base.tar.zst.0001 has 1000 bytes in place of "],
    [
      "with a flipped byte",
      (path: string) => {
        const bytes = readFileSync(path);
        bytes[4711] = (bytes[4711] ?? 0) ^ 1;
        writeFileSync(path, bytes);
      },
      "base.tar.zst.0001 has not the checksum that it was made with",
    ],
    ["with a part missing", (path: string) => rmSync(path), "base.tar.zst.0001 is missing"],
  ] as const)("%s is refused by the part's name, by verify and by restore", async (name, harm, line) => {
    const folder = await site.carry("whole", name.replaceAll(" ", "-"));
    harm(join(folder, "base.tar.zst.0001"));
    expect(await refused(name.replaceAll(" ", "-"))).toContain(`on des10 is not whole: ${line}`);
    const verified = await site.pgsite(["archive", "verify", folder]);
    expect(verified).toMatchObject({ code: 1, text: expect.stringContaining(line) });
  });

  it("without its manifest is none, nor is another folder", async () => {
    const folder = await site.carry("whole", "bare");
    rmSync(join(folder, "manifest.json"));
    expect(await refused("bare")).toContain("/bare on des10 has no manifest.json: no archive");
    expect(await refused("nowhere")).toContain("/nowhere on des10 does not exist: no archive");
  });

  it("of another site, of another major version, and of another cluster is refused by name", async () => {
    site.declareMirror({ site: "sispi" });
    expect(await refused("whole")).toContain("is of the site orders, and the stack fnal is part of sispi");
    site.declareMirror({ postgresql: "16" });
    expect(await refused("whole")).toContain("is of PostgreSQL 15, and the stack fnal declares 16");
    const servers = [{ name: "server2", role: "primary" }] as const;
    const password = site.site.passwords.postgres as string;
    other = await Cluster.describe({ major, first: 220, servers, administrator: "postgres", password });
    await other.seed("server2");
    await other.start("server2");
    const hosts = {
      server2: { address: other.server("server2").address, transport: "local" },
      des10: { address: site.address, transport: "local" },
    };
    const { dataDirectory } = other.server("server2");
    const upstream = { server: "server2", dataDirectory, settings: { max_connections: 30 } };
    site.declareMirror({ hosts, upstream });
    const { systemIdentifier } = site.manifest("whole");
    expect(await refused("whole")).toMatch(
      new RegExp(
        `the archive has system identifier ${systemIdentifier}, and server2, which des10 follows, has \\d+: it is of another cluster`,
      ),
    );
    await other.close();
    other = undefined;
    site.declareMirror();
  }, 60_000);

  it.each([
    ["SIGTERM", "has no manifest.json: no archive", []],
    ["SIGKILL", "is not finished: pgsite archive create was cut off there, or still runs", ["pgsite.unfinished"]],
  ] as const)(
    "that is cut off by %s while it is made is none, leaves nothing on the server, and is made by the next attempt",
    async (end, line, left) => {
      const cut = new AbortController();
      const name = `cut-by-${end.toLowerCase()}`;
      const folder = site.folder(name);
      const create = ["archive", "create", "--stack", "site", "--output", folder, "--slot", "des10"];
      const making = site.pgsite([...create, "--rate-limit", "2MB", "--compress", "none"], { signal: cut.signal, end });
      await until("the first bytes of an archive", () => existsSync(join(folder, "base.tar.0000")), 20);
      cut.abort();
      const { text } = await making;
      if (end === "SIGTERM") expect(text).toContain("pgsite: ended by SIGTERM");
      expect(await refused(name)).toContain(line);
      expect(readdirSync(folder)).toEqual(expect.arrayContaining([...left]));
      if (left.length === 0) expect(readdirSync(folder)).toEqual([]);
      await until("the end of what it started", () => site.site.processes().length === 0, 30);
      const slots = "select count(*)::text as n from pg_replication_slots";
      // Nobody was there any more to drop the slot; the next attempt takes it over.
      expect(await site.site.query("server2", slots)).toEqual([{ n: end === "SIGKILL" ? "1" : "0" }]);
      await site.create(name, "--slot", "des10");
      expect(readdirSync(folder).sort()).toEqual(["base.tar.zst.0000", "manifest.json", "wal.tar.zst.0000"]);
      await site.site.query("server2", "select pg_drop_replication_slot('des10')");
    },
    60_000,
  );

  it("refuses a slot that the next up would drop, and a folder that is not its own", async () => {
    const create = (...more: readonly string[]) => site.pgsite(["archive", "create", "--stack", "site", ...more]);
    expect((await create("--output", site.folder("new"), "--slot", "mirror")).text).toContain(
      "the next pulumi up of site would drop the slot mirror, which its stack file does not name: add it there (pgsite:slots: [mirror])",
    );
    expect(readdirSync(site.folder("new"))).toEqual([]);
    const data = site.site.dataDirectory("server2");
    expect((await create("--output", join(data, "archive"))).text).toContain("lies in the data directory of server2");
    expect((await create("--output", data)).code).toBe(1);
    expect((await create("--output", site.site.folder)).text).toMatch(/is not empty \(.*\): name a folder of its own/);
  }, 60_000);

  it("that is cut off while it is unpacked can start nowhere, and is unpacked by the next attempt", async () => {
    await site.create("again");
    await site.write(1);
    const killed = new AbortController();
    const marker = join(site.dataDirectory, "pgsite.incomplete");
    const restoring = site.pgsite(
      ["archive", "restore", "--stack", "fnal", "--trust-carrier", "--from", site.folder("again")],
      {
        signal: killed.signal,
      },
    );
    let ended = "";
    void restoring.then(({ text }) => {
      ended = text;
    });
    while (!existsSync(marker)) {
      if (ended !== "") throw new Error(`it ended before that:\n${ended}`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    killed.abort();
    expect((await restoring).code).not.toBe(0);
    expect(existsSync(marker)).toBe(true);
    expect(existsSync(join(site.dataDirectory, "global", "pg_control"))).toBe(false);
    const started = await site.pgsite(["start", "des10", "--stack", "fnal"]);
    expect(started.text).toContain(`des10 is not started: ${site.dataDirectory} on des10 is incomplete`);
    // What is replayed late, as declared, is no failure.
    site.declareMirror({}, { primary_slot_name: "", recovery_min_apply_delay: "1h" });
    const { code, text } = await site.restore("again", "--timeout", "4");
    expect(text).toContain(
      "des10 started and gets its WAL from server2, and replays it late, as declared (recovery_min_apply_delay)",
    );
    expect(code).toBe(0);
    expect(existsSync(marker)).toBe(false);
    await site.must(["stop", "des10", "--stack", "fnal"]);
    expect((await site.restore("again")).text).toContain("holds its data already: move them away");
    await site.loseMirror();
    site.declareMirror();
  }, 60_000);

  it("whose WAL the primary no longer has is refused with the segment's name, before anything is unpacked", async () => {
    const { stop, segmentSize } = site.manifest("whole");
    for (let hour = 0; hour < 3; hour += 1) await site.write(40);
    const there = readdirSync(join(site.site.dataDirectory("server2"), "pg_wal")).filter((name) => name.length === 24);
    const first = segmentAfter(stop.segment, segmentSize, major);
    expect(there).not.toContain(first);
    expect(await refused("whole")).toContain(
      `server2 no longer has the WAL segment ${first}, which des10 needs first after this archive; the oldest that it has is ${there.sort()[0]}. Make a new archive with --slot, or with larger wal_keep_size on server2`,
    );
  }, 60_000);

  it("is restored where the primary cannot be asked, which is said with the segment that nobody knows about", async () => {
    const { stop, segmentSize } = site.manifest("whole");
    await site.site.stop("server2");
    const { code, text } = await site.restore("whole");
    const first = segmentAfter(stop.segment, segmentSize, major);
    expect(text).toContain(`nobody says whether ${first}, the WAL that des10 needs first after the archive, is still`);
    expect(text).toContain("des10 started; whether it streams is not proven: server2 (127.0.122.2:5442) refuses");
    expect(code).toBe(0);
    expect(await site.query("select pg_is_in_recovery()::text as recovers")).toEqual([{ recovers: "true" }]);
  }, 60_000);
});
