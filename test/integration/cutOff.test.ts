import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findCommandPlugin } from "../../toolchain/commandPlugin.mjs";
import { LocalSite } from "../support/localSite.js";
import { until } from "../support/processes.js";

const isStandIn = (await findCommandPlugin()).kind === "stand-in";

/**
 * `kill -9` of pulumi at the worst moments of a site's making. Only pulumi itself is killed; its plugins, its program
 * and the commands are left to themselves, and must notice. (The official command plugin lets a command run on to its
 * end; pgsite's commands end by themselves there, when the handover closes.)
 */
describe("a pulumi up that is killed", { timeout: 90_000 }, () => {
  let site: LocalSite;

  beforeAll(async () => {
    // The rule for the standby stands from the beginning: server2 alone would have none.
    const access = ["host replication replicator 127.0.0.1/32 scram-sha-256"];
    site = await LocalSite.make({ major: "14", block: 60, description: { access } });
    site.declare({ servers: { server3: null } });
  }, 120_000);

  afterAll(() => site?.remove());

  const marker = (server: string) => join(site.dataDirectory(server), "pgsite.incomplete");
  const control = (server: string) => join(site.dataDirectory(server), "global", "pg_control");

  /** Kills pulumi, alone, as soon as something holds, and waits for the end of all that it had started. */
  async function killWhen(what: string, holds: () => boolean): Promise<void> {
    const run = site.startUp();
    await until(what, holds, 90);
    process.kill(run.pid, "SIGKILL");
    await run.finished;
    // Pulumi's own language host looks for its engine every five minutes only. It does nothing meanwhile.
    // Nor does the official command plugin notice: what it started does.
    const idle = isStandIn ? /\/pulumi-language-nodejs / : /\/pulumi-(language-nodejs|resource-command) /;
    const left = () => site.processes().filter((line) => !idle.test(line));
    await until("the end of plugins, program and commands", () => left().length === 0, 10).catch((error) => {
      throw new Error(`${error.message}; there are\n${left().join("\n")}`);
    });
  }

  it("during initdb: nothing runs on, and the next up begins again", async () => {
    await killWhen("initdb", () => existsSync(join(site.controlDirectory("server2"), "initdb", "base")));
    expect(existsSync(marker("server2"))).toBe(true);
    expect(existsSync(control("server2"))).toBe(false);
    expect(await site.failing("up")).toContain("the stack is currently locked by 1 lock");
    await site.cancel();
  });

  it("during the first start: the server that was started is taken over by the next up", async () => {
    await killWhen("the first start", () => existsSync(join(site.dataDirectory("server2"), "postmaster.pid")));
    expect(existsSync(marker("server2"))).toBe(false);
    await site.cancel();
    const identity = readFileSync(join(site.controlDirectory("server2"), "identity.json"), "utf8");
    const said = await site.up();
    expect(said).toMatch(/server2 (runs already|started) and takes writes/);
    expect(readFileSync(join(site.controlDirectory("server2"), "identity.json"), "utf8")).toBe(identity);
    expect(await site.preview()).toMatch(/Resources:\n {4}\d+ unchanged\n/);
  });

  it("in the middle of a base backup: no session, slot, backup or process is left, and the half copy is marked", async () => {
    await site.query("server2", [
      "create table ballast as select n, repeat(md5(n::text), 30) as filler from generate_series(1, 500000) n",
      "checkpoint",
    ]);
    site.declare();
    await killWhen("a progress line", () => {
      return /copied .* MB \(/.test(site.events()) && existsSync(join(site.dataDirectory("server3"), "base", "1"));
    });
    const count = async (from: string) =>
      Number((await site.query("server2", `select count(*) from ${from}`))[0]?.count);
    const ours = "pg_stat_activity where application_name = 'pgsite' and pid <> pg_backend_pid()";
    await expect.poll(() => count(ours), { timeout: 5000 }).toBe(0);
    expect(await count("pg_replication_slots")).toBe(0);
    expect(await site.query("server2", "select pg_is_in_backup()")).toEqual([{ pg_is_in_backup: "f" }]);
    expect(existsSync(marker("server3"))).toBe(true);
    expect(existsSync(control("server3"))).toBe(false);
    expect(site.postmaster("server3")).toBeUndefined();
  });

  it("by an interrupt while it copies: the copy ends with it, at once, whichever command plugin there is", async () => {
    await site.cancel();
    const seeds = () => site.processes().filter((line) => /pgsite\.js seed$/.test(line));
    const run = site.startUp();
    await until("server3 is seeded", () => /an earlier copy was cut off here/.test(site.events()), 60);
    expect(seeds()).not.toEqual([]);
    process.kill(run.pid, "SIGINT");
    await until("the end of the copy", () => seeds().length === 0, 5);
    expect((await run.finished).code).not.toBe(0);
    expect(existsSync(marker("server3"))).toBe(true);
  });

  it("then cancel and up give a working site: the half copy is recognised and redone", async () => {
    await site.cancel();
    const before = await site.query("server2", "select pg_postmaster_start_time()");
    const said = await site.up();
    expect(said).toContain("server3: the data directory is incomplete (its seeding was cut off): seed again");
    expect(said).toContain("an earlier copy was cut off here: what is proven unchanged since is kept");
    expect(said).toContain(
      "server3 started; the rollout brings server2's configuration into force, and proves that it streams",
    );
    expect(existsSync(marker("server3"))).toBe(false);
    expect(await site.query("server2", "select pg_postmaster_start_time()")).toEqual(before);
    const [row] = await site.query("server2", "select application_name, state from pg_stat_replication");
    expect(row).toEqual({ application_name: "server3", state: "streaming" });
    const sum = "select count(*), sum(hashtext(filler)) from ballast";
    expect(await site.query("server3", sum)).toEqual(await site.query("server2", sum));
    expect(await site.preview()).toMatch(/Resources:\n {4}\d+ unchanged\n/);
  });

  it("which leaves pulumi's own note of an interrupted create: nothing asks, and a refresh clears it", async () => {
    const pending = async () => JSON.parse(await site.exported()).deployment.pending_operations as unknown;
    expect(await pending()).not.toHaveLength(0);
    await site.up();
    await site.refresh(["--clear-pending-creates"]);
    expect(await pending()).toBeUndefined();
    expect(await site.preview()).toMatch(/Resources:\n {4}\d+ unchanged\n/);
  });

  it("a site whose commands have the text of an older pgsite keeps it, and none of them runs again", async () => {
    const older = (await site.exported()).replaceAll('"exec node pgsite.js', '"node pgsite.js');
    await site.imported(JSON.parse(older));
    expect(await site.preview()).toMatch(/Resources:\n {4}\d+ unchanged\n/);
    await site.up();
    expect(await site.exported()).not.toContain("exec node pgsite.js");
  });
});
