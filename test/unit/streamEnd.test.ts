import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Server } from "../../config/site.js";
import { hostOf } from "../../hosts/index.js";
import { renderRunbook, shared } from "../../installed/runbook/render.js";
import { voicesOf } from "../../postgres/voice.js";
import { judgeLog } from "../../servers/process/judgeLog.js";
import { streamByLog } from "../../servers/wal/received.js";
import { checkout } from "../../toolchain/paths.mjs";
import { type StreamLog, streamLogs } from "../support/streamLogs.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pgsite-stream-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const user = userInfo().username;
const host = hostOf({ name: "here", transport: "local", address: "127.0.0.1", user });

/** A standby's folders with that log: one file of log_directory where it is collected. */
function standby({ version, settings, lines }: StreamLog, index: number) {
  const dataDirectory = join(folder, `${index}`);
  const controlDirectory = `${dataDirectory}.pgsite`;
  const collects = settings.logging_collector === "on";
  const log = collects ? join(dataDirectory, "log", "it's one") : join(controlDirectory, "start.log");
  mkdirSync(join(controlDirectory, "runbook"), { recursive: true });
  mkdirSync(dirname(log), { recursive: true });
  writeFileSync(log, `${lines.join("\n")}\n`);
  const all: StreamLog["settings"] = { ...settings, log_directory: "log" };
  return { name: "server3", version, settings: all, dataDirectory, controlDirectory };
}

async function byRunbook(server: ReturnType<typeof standby>): Promise<string> {
  const { dataDirectory, controlDirectory, version, settings } = server;
  const runbook = join(controlDirectory, "runbook");
  for (const name of shared) copyFileSync(join(checkout, "installed", "runbook", name), join(runbook, name));
  const voices = voicesOf(version, settings);
  const facts = {
    site: "test",
    server: "server3",
    version,
    user,
    dataDirectory,
    controlDirectory,
    binDirectory: "/nowhere",
    port: 5432,
    passfile: "/nowhere",
    prefix: settings.log_line_prefix ?? "",
    ...(settings.logging_collector === "on" ? { logFolder: join(dataDirectory, "log") } : {}),
    ...(voices === undefined ? {} : { voices }),
    peers: [],
  };
  for (const [name, text] of Object.entries(renderRunbook(facts))) writeFileSync(join(runbook, name), text);
  const { stdout, stderr } = await execa("sh", ["-c", 'here=$1; . "$here/common.sh"; stream_end', "sh", runbook]);
  expect(stderr).toBe("");
  return stdout;
}

describe("how a standby's stream ended, by its log, in preview and runbook alike", () => {
  for (const [index, log] of streamLogs.entries()) {
    it(`is ${log.kind}: ${log.name}`, async () => {
      const server = standby(log, index);
      const end = await streamByLog(host, server as unknown as Server);
      expect(end.kind).toBe(log.kind === "open" ? "unknown" : log.kind);
      if (log.because !== undefined) expect(end.because).toBe(log.because);
      const [kind, because = ""] = (await byRunbook(server)).split("\t");
      expect(kind).toBe(log.kind);
      if (log.kind !== "open" && log.kind !== "mute") expect(because.trim()).toBe(end.because ?? "");
    });
  }
});

describe("that a server can never follow another", () => {
  const rows = readFileSync(join(checkout, "installed", "runbook", "messages"), "utf8").split("\n");
  const said = rows.flatMap((row) => {
    const [kind, language = "", text = ""] = row.split("\t");
    return kind === "apart" || kind === "behind" ? [[language, text.replaceAll("%", "2")] as const] : [];
  });

  it("is known in every language of the table", async () => {
    expect(new Set(said.map(([language]) => language)).size).toBeGreaterThan(10);
    for (const [index, [language, text]] of said.entries()) {
      const settings = { log_line_prefix: "%m [%p] %b " };
      const lines = [`2026-11-21 14:02:11.123 UTC [42] walreceiver FATAL:  ${text}`];
      const server = standby({ name: language, version: "15", settings, lines, kind: "early" }, 1000 + index);
      const voice = voicesOf("15", settings)?.server ?? {};
      expect(await judgeLog(host, server as unknown as Server, "apart", voice)).toContain(`apart\tFATAL: ${text}`);
    }
  });
});
