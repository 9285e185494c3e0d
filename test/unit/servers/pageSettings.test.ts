import { describe, expect, it } from "vitest";
import { filedSettings } from "../../../postgres/files/facts.js";
import { settingsOf } from "../../../servers/page/settings.js";
import type { LiveSetting } from "../../../servers/status/runningSettings.js";
import { scheduleInWords } from "../../../servers/words/schedule.js";

const live = (value: string, more: Partial<LiveSetting> = {}): LiveSetting => {
  return { value, source: "configuration file", boot: "", context: "sighup", pending: false, ...more };
};

describe("settings of a server on the page", () => {
  it("differ by meaning, and are written as the stack file writes them, or as SHOW does", async () => {
    const declared = filedSettings({
      "postgresql.conf":
        "shared_buffers = 128MB\nwork_mem = 64MB\nautovacuum = true\nmax_connections = 100\ninclude_dir = 'conf.d'\n",
    });
    const running = new Map([
      ["shared_buffers", live("16384")],
      ["work_mem", live("4096")],
      ["autovacuum", live("on")],
      ["max_connections", live("50", { pending: true })],
      ["checkpoint_timeout", live("600", { boot: "300" })],
      ["geqo", live("on", { source: "default", boot: "on" })],
      ["transaction_isolation", live("read committed", { source: "override" })],
    ]);
    expect(await settingsOf({ version: "15", declared, running })).toEqual([
      { name: "autovacuum", declared: "true", running: "true", differs: false },
      { name: "checkpoint_timeout", running: "10min", differs: false },
      { name: "max_connections", declared: "100", running: "50", differs: true, pendingRestart: true },
      { name: "shared_buffers", declared: "128MB", running: "128MB", differs: false },
      { name: "work_mem", declared: "64MB", running: "4MB", differs: true },
    ]);
    expect(
      await settingsOf({ version: "15", declared: filedSettings({ "postgresql.conf": "work_mem = 64MB\n" }) }),
    ).toEqual([{ name: "work_mem", declared: "64MB", differs: false }]);
  });

  it("show no secret: where one can be by PostgreSQL's rules, and as a whole where the stack file has them encrypted", async () => {
    const declared = filedSettings({
      "postgresql.conf": [
        "primary_conninfo = 'host=a password=zqSecret user=b'",
        "archive_command = 'PGPASSWORD=zqSecret cp %p /x'",
        "ssl_passphrase_command = 'echo zqSecret'",
        "my.password = 'zqSecret'",
        "my.motto = 'zqSecret'",
      ].join("\n"),
    });
    const running = new Map([
      ["primary_conninfo", live("host=a password=zqOther user=b")],
      ["archive_command", live("PGPASSWORD=zqSecret cp %p /y")],
      ["my.motto", live("zqSecret")],
    ]);
    const found = await settingsOf({ version: "15", declared, running, secret: new Set(["my.motto"]) });
    expect(JSON.stringify(found)).not.toMatch(/zq/);
    const differing = found.filter(({ differs }) => differs).map(({ name }) => name);
    expect(differing).toEqual(["archive_command", "primary_conninfo"]);
    expect(found.find(({ name }) => name === "archive_command")).toMatchObject({
      declared: "PGPASSWORD=******** cp %p /x",
      running: "PGPASSWORD=******** cp %p /y",
    });
  });

  it("of an archive that is off do not differ by what the server says of that", async () => {
    const declared = filedSettings({ "postgresql.conf": "archive_command = 'cp %p /x'\n" });
    const running = new Map([["archive_command", live("(disabled)")]]);
    expect(await settingsOf({ version: "15", declared, running })).toMatchObject([{ differs: false }]);
  });
});

describe("when something runs, in words", () => {
  it.each([
    ["2 11 * * 0", "America/Santiago", "Sundays at 11:02, America/Santiago"],
    ["2 11 * * sun", undefined, "Sundays at 11:02, the host's own time"],
    ["1 * * * *", "UTC", "at minute 1 of every hour, UTC"],
    ["30 2,14 * * *", "UTC", "every day at 02:30 and 14:30, UTC"],
    ["*/5 * * * *", "UTC", "cron */5 * * * *, UTC"],
    ["0 3 1 * *", "UTC", "cron 0 3 1 * *, UTC"],
    ["none", "UTC", "by hand alone"],
  ])("%s %s: %s", (schedule, zone, words) => {
    expect(scheduleInWords(schedule, zone)).toBe(words);
  });
});
