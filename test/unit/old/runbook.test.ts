import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { programs, renderRunbook, shared } from "../../../installed/runbook/render.js";
import { atLeast } from "../../../postgres/versions.js";
import { tellingPrefix, voicesOf } from "../../../postgres/voice.js";
import { checkout } from "../../../toolchain/paths.mjs";
import { type OldWords, oldWords } from "../../support/oldFixtures.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pgsite-old-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The runbook of a standby of that version, which has this log; its data are made of what was recorded. */
function standby({ version, major }: OldWords, name: string, log = "") {
  const dataDirectory = join(folder, version, name);
  const controlDirectory = `${dataDirectory}.pgsite`;
  const runbook = join(controlDirectory, "runbook");
  for (const made of [runbook, join(dataDirectory, "global"), join(dataDirectory, "pg_xlog")])
    mkdirSync(made, { recursive: true });
  for (const one of [...shared, ...programs])
    copyFileSync(join(checkout, "installed", "runbook", one), join(runbook, one));
  const settings = { log_line_prefix: tellingPrefix(major) };
  const voices = voicesOf(major, settings);
  const facts = {
    ...{ site: "sispi", server: "server3", version: major, user: userInfo().username, dataDirectory, controlDirectory },
    ...{ binDirectory: "/nowhere", port: 5442, passfile: "/nowhere", prefix: settings.log_line_prefix, peers: [] },
    ...(voices === undefined ? {} : { voices }),
  };
  for (const [file, text] of Object.entries(renderRunbook(facts))) writeFileSync(join(runbook, file), text);
  writeFileSync(join(controlDirectory, "start.log"), log);
  const says = async (text: string, ...args: readonly string[]) => {
    const script = `here=$1; shift; . "$here/common.sh"; . "$here/older.sh"; ${text}`;
    const { stdout, stderr } = await execa("sh", ["-c", script, "sh", runbook, ...args], { reject: false });
    expect(stderr).toBe("");
    return stdout;
  };
  return { dataDirectory, says };
}

/** What was recorded beside pg_settings and titles. */
const recorded = ({ version }: OldWords, name: string) =>
  readFileSync(join(checkout, "test/fixtures/old", version, name));

describe.each(oldWords())("the runbook, of what a server of $version said", (old) => {
  const log = (name: string) => recorded(old, `log.${name}`).toString("utf8");
  const [segment = "", end = ""] = recorded(old, "wal.txt").toString("utf8").trim().split(" ");

  it.each([
    ["killed", /^broken\tFATAL: could not receive data from WAL stream: server closed the connection unexpectedly/],
    ["stopped", /^finished\t\w+: replication terminated by primary server/],
    ["refused", /^early\tFATAL: could not connect to the primary server: .*FATAL: +no pg_hba\.conf entry/],
  ])("knows how a stream ended: its primary was %s", async (name, said) => {
    expect(await standby(old, name, log(name)).says("stream_end")).toMatch(said);
  });

  it("knows how far it has received by its log", async () => {
    const found = await standby(old, "log", log("killed")).says("received");
    expect(found).toBe(end);
  });

  it.skipIf(atLeast(old.major, "9.3"))(
    "knows it also where its log names a page of a segment by two numbers",
    async () => {
      const [line = ""] = log("killed")
        .split("\n")
        .filter((one) => one.includes(`record with zero length at ${end}`));
      const page = line.replace(/record with.*/, "invalid magic number 0000 in log file 0, segment 5, offset 32768");
      expect(await standby(old, "page", `${page}\n`).says("received")).toBe("0/5008000");
    },
  );

  it("knows by its log that it streams from an idle primary, which its title does not say yet", async () => {
    const began = log("killed").split("FATAL")[0] ?? "";
    const streams = (lines: number, text: string) =>
      standby(old, "idle", text).says(
        `lines=${lines}; processes() { echo "42 postgres: wal receiver process   "; }; receiver`,
      );
    expect(await streams(0, began)).toBe("42");
    expect(await streams(99, began)).toBe("");
    expect(await streams(0, log("killed"))).toBe("");
  });

  it("knows that a standby can never follow another timeline", async () => {
    const said = await standby(old, "follows", log("follows")).says("lines=0; says_apart");
    if (atLeast(old.major, "9.3")) expect(said).toBe("");
    else expect(said).toMatch(/^FATAL: timeline 2 of the primary does not match recovery target timeline 1$/);
  });

  it("reads its control file: whose data, on which timeline, what it does", async () => {
    const { dataDirectory, says } = standby(old, "control");
    const [system = ""] = recorded(old, "identify.one").toString("utf8").split("|");
    writeFileSync(join(dataDirectory, "global", "pg_control"), recorded(old, "control.one"));
    expect(await says("echo $(system_identifier) $(state) $(own_timeline)")).toBe(`${system} 6 1`);
    // The checkpoint of its promotion may not have been yet: then its history file tells.
    writeFileSync(join(dataDirectory, "global", "pg_control"), recorded(old, "control.promoted"));
    writeFileSync(join(dataDirectory, "pg_xlog", "00000002.history"), recorded(old, "00000002.history"));
    expect(await says("echo $(state) $(own_timeline)")).toBe("6 2");
  });

  it("knows a standby that says no more than that it is one", async () => {
    const said = recorded(old, "identify.two").toString("utf8").trim();
    const known = await standby(old, "recovers").says('says_recovery "$1" && echo yes || echo no', said);
    expect(known).toBe(atLeast(old.major, "9.2") ? "no" : "yes");
    const stranger = 'psql: FATAL:  no pg_hba.conf entry for replication connection from host "192.0.2.3", user "x"';
    expect(await standby(old, "recovers").says('says_recovery "$1" && echo yes || echo no', stranger)).toBe("no");
  });

  it("finds the walreceiver by its title", async () => {
    const { says } = standby(old, "titles");
    const streams = async (title: string) =>
      says('title=$1; processes() { printf "42 %s\\n" "$title"; }; streaming', title);
    const titles = await Promise.all(old.titles("three").map(streams));
    expect(titles.filter((one) => one !== "")).toEqual([expect.stringMatching(/^42 [0-9A-F]+\/[0-9A-F]+$/)]);
    expect(await streams("postgres: wal receiver process streaming 0/1 db 192.0.2.3(5000) idle")).toBe("");
  });

  describe.skipIf(atLeast(old.major, "9.3"))("by its WAL, which no program of that version reads", () => {
    const pages = gunzipSync(recorded(old, "wal.gz"));
    const size = 16 * 1024 * 1024;
    const received = async (name: string, content: Buffer, more: Readonly<Record<string, Buffer>> = {}) => {
      const { dataDirectory, says } = standby(old, name);
      for (const [file, text] of Object.entries({ [segment]: content, ...more })) {
        const path = join(dataDirectory, "pg_xlog", file);
        writeFileSync(path, text);
        truncateSync(path, size);
      }
      return says("received");
    };

    it("knows how far it has received", async () => {
      expect(await received("wal", pages)).toBe(end);
    });

    it("takes nothing for received that a recycled file had in it before", async () => {
      const next = `${segment.slice(0, 16)}${(Number.parseInt(segment.slice(16), 16) + 1).toString(16).toUpperCase().padStart(8, "0")}`;
      // Pages of another place, behind the last of its own.
      const left = Buffer.concat([pages, pages.subarray(8192, 3 * 8192)]);
      expect(await received("recycled", left, { [next]: pages })).toBe(end);
      // And records of another place, behind the last one of the last page.
      const [, low = "0"] = end.split("/");
      const at = Number.parseInt(low, 16) % size;
      const stale = Buffer.from(pages);
      pages.copy(stale, at, 8192 + 512, 8192 + 512 + Math.min(2048, stale.length - at));
      expect(await received("stale", stale)).toBe(end);
    });

    it("knows the end of a page, of a record that goes on in the next", async () => {
      const whole = pages.subarray(0, 2 * 8192);
      const [high = "0", low = "0"] = end.split("/");
      const begin = Number.parseInt(low, 16) - (Number.parseInt(low, 16) % size);
      expect(await received("parted", whole)).toBe(`${high}/${(begin + 2 * 8192).toString(16).toUpperCase()}`);
    });
  });
});

describe("a connection string, for a program that takes none", () => {
  it("gives its parts, out of their quotes", async () => {
    const [old] = oldWords();
    if (old === undefined) throw new Error("nothing is recorded");
    const conninfo = `host=192.0.2.2 port = 5442 application_name='server\\\\3 \\'x\\'' sslrootcert=/a\\ b sslmode=''`;
    const says = (name: string) => standby(old, "conninfo").says('conninfo_value "$1" "$2"', conninfo, name);
    expect(await says("host")).toBe("192.0.2.2");
    expect(await says("port")).toBe("5442");
    expect(await says("application_name")).toBe("server\\3 'x'");
    expect(await says("sslrootcert")).toBe("/a b");
    expect(await says("sslmode")).toBe("");
    expect(await says("dbname")).toBe("");
  });
});
