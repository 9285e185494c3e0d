import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PageReport, PageStack } from "../../servers/page/model.js";
import { dataDirectories, RemoteSite, whyNoSite } from "../support/remoteSite.js";

const why = whyNoSite();

/** The page of two stacks on three hosts over SSH, through a night without Pulumi. */
describe.skipIf(why !== undefined)(`the page, of hosts that are silent${why ? ` (${why})` : ""}`, () => {
  let site: RemoteSite;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "pgsite-page-"));
    site = await RemoteSite.make();
    await site.up("ctio");
    await site.up("fnal");
  }, 300_000);

  afterAll(async () => {
    await site?.remove();
    rmSync(folder, { recursive: true, force: true });
  }, 120_000);

  /** The stacks as the page has them, and the seconds that it took. */
  const page = async (...args: readonly string[]) => {
    const path = join(folder, "site.html");
    const began = Date.now();
    const { code, stderr } = await site.pgsite(["page", "--out", path, ...args]);
    const took = (Date.now() - began) / 1000;
    expect(code, stderr).toBe(0);
    const [, data = ""] = /<script [^>]*id="report"[^>]*>(.*?)<\/script>/s.exec(readFileSync(path, "utf8")) ?? [];
    const [ctio, fnal] = (JSON.parse(data) as PageReport).stacks as [PageStack, PageStack];
    console.log(
      `${args.join(" ")}: ${took.toFixed(1)} s; not known: ${[...ctio.unknown, ...fnal.unknown].join(" | ")}`,
    );
    return { ctio, fnal, took };
  };
  const asPostgres = async (server: string, script: string) => {
    const words = `${dataDirectories[server]}.pgsite/runbook/${script}`;
    const { code, stdout, stderr } = await site
      .host(server)
      .run(["su", "-s", "/bin/sh", "postgres", "-c", words], { seconds: 120 });
    expect(code, stdout + stderr).toBe(0);
  };

  it("is whole while all is well", async () => {
    const { ctio, fnal } = await page();
    expect(ctio).toMatchObject({ site: "sispi", drift: { outcome: "clean" }, unknown: [] });
    expect(ctio.servers.map(({ name, state, problems }) => [name, state, problems])).toEqual([
      ["server2", "read-write", []],
      ["server3", "in recovery, refuses queries", []],
    ]);
    expect(fnal.streams).toEqual([{ server: "des10", from: "server2" }]);
    expect(ctio.history.map(({ kind, by }) => [kind, by])).toEqual([["update", "pulumi"]]);
    // Warm: it answers nobody.
    const collector = (stack: PageStack, server: string) =>
      stack.servers.find(({ name }) => name === server)?.settings.find(({ name }) => name === "logging_collector");
    expect(collector(ctio, "server2")).toMatchObject({ differs: false, declared: "on", running: "on" });
    expect(collector(ctio, "server3")).not.toHaveProperty("running");
  }, 120_000);

  it("is written in time while a host is dead and a failover by the runbook is half done", async () => {
    await site.host("server2").powerCut();
    await asPostgres("server3", "failover --accept-data-loss");
    const began = Date.now();
    await site.pgsite(["status"]);
    const status = (Date.now() - began) / 1000;
    const { ctio, fnal, took } = await page("--drift", "none");
    console.log(`pgsite status: ${status.toFixed(1)} s`);
    // What it asks beside that has limits of its own, and is asked at the same time.
    expect(took).toBeLessThan(status + 5);
    expect(ctio.servers).toMatchObject([
      { name: "server2", state: "unreachable" },
      { name: "server3", state: "read-write", timeline: 2, problems: [{ code: "writesUndeclared" }] },
    ]);
    expect(ctio.unknown).toContainEqual(expect.stringMatching(/^the history and incidents of server2: /));
    expect(ctio.history[0]).toMatchObject({ kind: "role", server: "server3", by: "hand" });
    // Its connection is open still: nobody has told it that there is no other end.
    expect(fnal.streams).toMatchObject([{ server: "des10", from: "server2" }]);
    // It is told by the stack that has the primary.
    expect(fnal.history.filter(({ kind }) => kind === "role")).toEqual([]);
  }, 180_000);

  it("tells of a switchover by Pulumi as such", async () => {
    await site.powerOn("server2");
    site.declare("ctio", [["primary"], "server3"]);
    await asPostgres("server2", "rejoin server3");
    await site.up("ctio");
    site.declare("ctio");
    await site.up("ctio");
    const { ctio } = await page("--drift", "none");
    const roles = ctio.history.filter(({ kind }) => kind === "role");
    expect(roles.map(({ server, by, message }) => [server, by, message.replace(/ at \S+$/, "")])).toEqual([
      ["server2", "pulumi", "server2 took over from server3: timeline 3 begins, from 2"],
      ["server2", "hand", "server2 became a standby of server3 (runbook/rejoin)"],
      ["server3", "hand", "server3 took over from server2 (runbook/failover): timeline 2 begins, from 1"],
    ]);
  }, 300_000);
});
