import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { renderStatus } from "../../cli/status/render.js";
import { plain } from "../../cli/terminal.js";
import { processState } from "../../servers/process/process.js";
import { proveWorking } from "../../servers/process/proof.js";
import { until } from "../../servers/process/until.js";
import type { StatusRow } from "../../servers/status/report.js";
import { reportOn, statusOf } from "../../servers/status/status.js";
import { problemInWords } from "../../servers/words/problems.js";
import { Cluster } from "../support/cluster.js";

describe("status", () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await Cluster.describe({
      major: "13",
      first: 60,
      servers: [
        { name: "server2", role: "primary" },
        { name: "server3", role: "standby" },
        { name: "des10", role: "mirror" },
        { name: "spare", role: "mirror" },
      ],
    });
  }, 60_000);

  afterAll(async () => {
    await cluster?.close();
  });

  const status = async () => Object.fromEntries((await statusOf(cluster)).map((row) => [row.name, row]));
  const toldOf = (row: StatusRow | undefined) => row?.problems.map(problemInWords);

  it("says what is missing before anything was made", async () => {
    const { server2 } = await status();
    expect(server2).toMatchObject({
      state: "no data",
      version: null,
      timeline: null,
      lagBytes: null,
      walSenders: null,
      problems: [{ code: "noData" }, { code: "nobodyWrites" }],
    });
    expect(toldOf(server2)).toEqual(["it has no data: run pulumi up", "no server of the site takes writes"]);
  });

  it("shows a primary, a warm standby and a hot mirror that stream, and one that is half filled", async () => {
    await cluster.seed("server2");
    await cluster.start("server2");
    for (const name of ["server3", "des10"]) {
      await cluster.seed(name);
      await cluster.start(name);
      await proveWorking({ ...cluster, server: cluster.server(name), deadline: 15_000 });
    }
    const half = cluster.server("spare").dataDirectory;
    mkdirSync(half);
    writeFileSync(join(half, "pgsite.incomplete"), "");
    const rows = await status();
    const streaming = {
      version: expect.stringMatching(/^13\./),
      timeline: 1,
      upstream: "server2",
      lagBytes: 0,
      lagSeconds: 0,
      problems: [],
    };
    expect(rows).toMatchObject({
      server2: { state: "read-write", timeline: 1, upstream: null, walSenders: ["des10", "server3"], problems: [] },
      server3: { ...streaming, version: "13", state: "in recovery, refuses queries", walSenders: null },
      des10: { ...streaming, state: "in recovery, read-only", walSenders: [] },
      spare: { state: "no data", problems: [{ code: "halfFilled" }] },
    });
    expect(toldOf(rows.spare)).toEqual(["its data directory is half filled: run pulumi up"]);
    const stacks = [{ site: { ...cluster.site, stack: "test" }, report: await reportOn(cluster) }];
    const told = renderStatus({ stacks, kept: [], backups: [] }, plain);
    expect(told).toMatch(
      /^ {2}server2 +primary +timeline 1 +takes writes\n {2}├─▸ des10 +mirror +timeline 1 +streams, 0 B behind\n {2}├─▸ server3 +standby +timeline 1 +streams, 0 B behind\n! └╌✗ spare +mirror +timeline \? +no data$/m,
    );
    expect(told).toMatch(/│ server3\s+│ standby\s+│ 127\.0\.20\.61:5442 │ 13\s+│ in recovery, refuses queries │/);
  });

  it("says that a server stopped, was promoted, or has other data", async () => {
    await cluster.stop("server3");
    const mirror = cluster.server("des10");
    await cluster.host("des10").run([join(mirror.binDirectory, "pg_ctl"), "promote", "-D", mirror.dataDirectory]);
    await until(async () => (await status()).des10?.state === "read-write", { deadline: 5000 });
    await cluster
      .host("server3")
      .writeFile(
        join(cluster.server("server3").controlDirectory, "identity.json"),
        JSON.stringify({ site: "test", server: "server3", systemIdentifier: "42" }),
      );
    const rows = await status();
    expect(rows.server3).toMatchObject({ state: "stopped", version: "13" });
    expect(toldOf(rows.server3)).toEqual([
      "its data was replaced: pgsite put system identifier 42 there",
      "it does not run: run pulumi up, or pgsite start",
    ]);
    expect(toldOf(rows.des10)).toEqual([
      "it takes writes, and so does server2: stop the one that clients do not use",
      "it takes writes, and is declared mirror",
    ]);
  });

  it("does not wait for a server that hangs", async () => {
    const state = await processState(cluster.host("des10"), cluster.server("des10").dataDirectory);
    if (state.kind !== "running") throw new Error("it does not run");
    process.kill(state.pid, "SIGSTOP");
    try {
      const began = Date.now();
      const rows = Object.fromEntries((await statusOf({ ...cluster, timeout: 1000 })).map((row) => [row.name, row]));
      expect(rows.des10).toMatchObject({ state: "unreachable" });
      expect(rows.des10?.problems).toContainEqual(expect.objectContaining({ code: "unanswered", kind: "timeout" }));
      expect(toldOf(rows.des10)?.join()).toContain("does not answer within 1 s");
      expect(Date.now() - began).toBeLessThan(4000);
    } finally {
      process.kill(state.pid, "SIGCONT");
    }
  });
});
