import { describe, expect, it } from "vitest";
import type { KnownServer } from "../../../config/site.js";
import { type ConfigurationState, configurationDifferences } from "../../../postgres/files/differences.js";
import { chosenAtStart } from "../../../postgres/settings/chosen.js";
import { settingsOf } from "../../../servers/page/settings.js";
import { causesIn } from "../../../servers/process/log.js";
import { ownEndIn } from "../../../servers/process/ownEnd.js";
import { recoveryIn, replayedBy, sendersIn } from "../../../servers/process/recoveryTitles.js";
import { SqlUnreachable } from "../../../servers/sql/session.js";
import { runningOtherwise } from "../../../servers/status/live.js";
import type { Observation, SqlAnswer } from "../../../servers/status/observation.js";
import { reportOf } from "../../../servers/status/report.js";
import { oldWords } from "../../support/oldFixtures.js";
import { proof } from "../../support/proof.js";

/** What is given to the servers of the fixtures in their file. */
const givenBy = (settings: ReturnType<typeof oldWords>[number]["settings"]) =>
  new Map(
    [...settings].flatMap(([name, { value, source }]) =>
      source === "configuration file" ? [[name.toLowerCase(), { name, value }] as const] : [],
    ),
  );

describe.each(oldWords())("a real server of $version", ({ major, settings, titles, log }) => {
  it("runs with nothing that its files do not say", async () => {
    const declared = givenBy(settings);
    expect(declared.get("work_mem")?.value).toBe("8192");
    expect(await runningOtherwise({ version: major, settings }, declared)).toEqual({});
  });

  it("shows nobody's time zone among the settings of a page", async () => {
    const names = (await settingsOf({ version: major, declared: givenBy(settings), running: settings })).map(
      ({ name }) => name.toLowerCase(),
    );
    expect(names).toContain("work_mem");
    expect(names.filter((name) => /timezone/.test(name))).toEqual([]);
  });

  it("runs otherwise where its file has another time zone than the one that it chose", async () => {
    const chosen = chosenAtStart(major).find(({ name }) => name === "log_timezone");
    const declared = new Map([
      ...givenBy(settings),
      ["log_timezone", { name: "log_timezone", value: "Chile/Continental" }],
    ]);
    const found = (await runningOtherwise({ version: major, settings }, declared)).log_timezone;
    const source = major === "9.0" ? "command line" : "default";
    expect(found).toEqual({ value: chosen === undefined ? "GMT" : "UTC", source });
  });

  it("says in its titles who streams, and how far", () => {
    expect(sendersIn(titles("one"))).toEqual([
      { from: "127.0.0.1", port: expect.any(Number), sent: "0/3000000" },
      { from: "127.0.0.1", port: expect.any(Number), sent: "0/3000000" },
    ]);
    for (const server of ["two", "three"] as const) {
      const found = recoveryIn(titles(server));
      expect(found).toEqual({ receiver: "0/3000000", recovering: "000000010000000000000002" });
      expect(sendersIn(titles(server))).toEqual([]);
      // It has replayed all of the segment that it works on, whose end this is.
      expect(replayedBy(found)).toBe("0/3000000");
    }
  });

  it("says why it does not start with its pg_hba.conf", () => {
    const causes = causesIn(log("one"), { version: major, settings: {} });
    expect(causes.map(({ line }) => line).join("\n")).toMatch(/pg_hba\.conf|invalid authentication method/);
  });
});

describe("a setting that a server chose", () => {
  const state = (version: "9.0" | "9.1", text: string): ConfigurationState => ({
    ...{ version, state: "running", files: { "postgresql.conf": text }, permissions: {}, runs: {}, refused: [] },
    unread: false,
  });
  const consequences = (version: "9.0" | "9.1", before: string, after: string) =>
    configurationDifferences("one", version, state(version, before), state(version, after)).map(
      ({ consequence }) => consequence,
    );

  it("takes a start at 9.0 to be declared, or to be its own again; from 9.1 on it reloads", () => {
    for (const [before, after] of [
      ["", "log_timezone = 'UTC'\n"],
      ["log_timezone = 'UTC'\n", ""],
    ] as const) {
      expect(consequences("9.0", before, after)).toEqual(["restart"]);
      expect(consequences("9.1", before, after)).toEqual(["reload"]);
    }
    expect(consequences("9.0", "log_timezone = 'UTC'\n", "log_timezone = 'CET'\n")).toEqual(["reload"]);
  });
});

describe("walsenders without names", () => {
  const [nine] = oldWords();
  const server = (name: string, more: Partial<KnownServer> = {}): KnownServer => ({
    ...{ name, role: "standby", upstream: "one", port: 5440, version: "9.0", hotStandby: false, settings: {} },
    ...{ host: { name, transport: "local", address: "10.0.0.9", user: "postgres" }, address: "10.0.0.9" },
    ...{ dataDirectory: `/${name}`, controlDirectory: `/${name}.pgsite`, passfile: "/p", binDirectory: "/bin" },
    proof: proof(),
    ...more,
  });
  const { upstream: _upstream, ...one } = server("one", { role: "primary" });
  const seen = (of: KnownServer, more: Partial<Observation> = {}, sql: Partial<SqlAnswer> = {}): Observation => ({
    ...{ server: of, data: { kind: "ours", version: "9.0", backupLabel: false }, process: { kind: "running", pid: 1 } },
    titles: {},
    ...more,
    sql: { endpoint: of, ...sql },
  });
  const lines = nine?.titles("one") ?? [];
  const writes = { inRecovery: false, major: "9.0", version: "9.0.3", timeline: 1, lsn: "0/3000010" } as const;
  const primary = seen(one, { senders: sendersIn(lines) }, writes);
  const report = (...servers: readonly Observation[]) =>
    reportOf({ primary: "one" }, { servers, answers: servers.map(({ sql }) => sql) });

  it("are their standbys' by the other end of the connection, whose lag the titles tell", () => {
    // As /proc had them when these titles were recorded.
    const ends = { two: ownEndIn("0100007F:AAB2"), three: ownEndIn("0100007F:AAC2") };
    const standbys = (["two", "three"] as const).map((name) => {
      const ownEnd = ends[name];
      const titles = recoveryIn(nine?.titles(name) ?? []);
      const unreachable = new SqlUnreachable(name, "cannotConnectNow", "it takes nobody in");
      return seen(server(name), { titles, ...(ownEnd ? { ownEnd } : {}) }, { unreachable });
    });
    const told = report(primary, ...standbys);
    expect(told.servers.map(({ walSenders }) => walSenders)).toEqual([["three", "two"], null, null]);
    expect(told.streams).toEqual([
      { server: "two", from: "one", lagBytes: 16, lagSeconds: null },
      { server: "three", from: "one", lagBytes: 16, lagSeconds: null },
    ]);
  });

  it("are one standby's by its address alone, where it is the only one that receives there", () => {
    const titles = recoveryIn(nine?.titles("two") ?? []);
    const near = seen(server("two", { address: "127.0.0.1" }), { titles });
    expect(report(primary, near).servers[0]?.walSenders).toEqual(["two", "two"]);
    const both = [near, seen(server("three", { address: "127.0.0.1" }), { titles })];
    expect(report(primary, ...both).servers[0]?.walSenders).toEqual(["127.0.0.1(43698)", "127.0.0.1(43714)"]);
  });

  it("are none of a client that calls itself so", () => {
    expect(
      sendersIn([
        "postgres: wal sender process x 10.0.0.9(1) streaming 0/5 db 127.0.0.1(4321) authentication",
        "postgres: wal sender process dbadmin 127.0.0.1(4321) authentication",
        "postgres: wal sender process dbadmin [local] streaming 0/5",
      ]),
    ).toEqual([]);
  });

  it("end where the kernel says, in IPv6 too", () => {
    expect(ownEndIn("00000000000000000000000001000000:1540")).toEqual({ address: "::1", port: 5440 });
    expect(ownEndIn("0000000000000000FFFF00000100007F:1540")).toEqual({ address: "127.0.0.1", port: 5440 });
    expect(ownEndIn("")).toBeUndefined();
  });
});
