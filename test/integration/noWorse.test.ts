import { existsSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LocalSite } from "../support/localSite.js";

const nothingToDo = /Resources:\n {4}\d+ unchanged\n/;

describe("a change that fails, or has to wait", { timeout: 120_000 }, () => {
  let site: LocalSite;

  beforeAll(async () => {
    site = await LocalSite.make({ major: "15", block: 245 });
    await site.up();
  }, 120_000);

  afterAll(() => site?.remove(), 60_000);

  const kept = (server: string, name: string) => readFileSync(join(site.controlDirectory(server), name), "utf8");
  const placeElsewhere = () => `${site.dataDirectory("server3")}-elsewhere`;
  const moved = () => ({ servers: { server2: {}, server3: { dataDirectory: placeElsewhere() } } });
  const peers = () => ["server2", "server3"].map((server) => kept(server, "runbook/peers"));

  it("leaves what protects the servers as it is: peers and guard, and each line of the passfiles", async () => {
    const [before, passfile] = [peers(), kept("server2", "passfile")];
    site.declare({ tls: { certificates: "made" } });
    await site.failing("up");
    expect(peers()).toEqual(before);
    for (const line of passfile.trimEnd().split("\n")) expect(kept("server2", "passfile")).toContain(line);
    const { stderr, code } = await site
      .host()
      .run([join(site.controlDirectory("server2"), "runbook", "guard"), "--dry-run"]);
    expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
    site.declare();
    await site.up();
    expect(peers()).toEqual(before);
    expect(kept("server2", "passfile")).toBe(passfile);
    expect(await site.preview()).toMatch(nothingToDo);
  });

  it("stops no server whose socket could not be where it is declared", async () => {
    const pids = () =>
      ["server2", "server3"].map((server) => readFileSync(join(site.dataDirectory(server), "postmaster.pid"), "utf8"));
    const before = pids();
    site.declare({ servers: { server3: { settings: { unix_socket_directories: "/proc/nowhere" } } } });
    const nowhere = "/proc/nowhere, where it is to put its socket, is no folder";
    expect(await site.preview()).toMatch(new RegExp(`refused: server3 would not start with.*${nowhere}`));
    expect(await site.failing("up")).toContain(nowhere);
    expect(pids()).toEqual(before);
    site.declare();
    await site.up();
    expect(pids()).toEqual(before);
  });

  it("does not leave data behind that could start again: a data directory elsewhere is refused until they are moved", async () => {
    const declared = site.dataDirectory("server3");
    const elsewhere = placeElsewhere();
    // At the same port, the port is taken: that is said first.
    site.declare({ servers: { server2: {}, server3: { dataDirectory: elsewhere, port: 5443 } } });
    const said = await site.failing("preview");
    expect(said).toContain(`server3 runs in ${declared}`);
    expect(said).toContain(`stop it (pg_ctl stop -D ${declared}), and then move ${declared} to ${elsewhere}`);
    await site.stop("server3");
    site.declare(moved());
    expect(await site.failing("preview")).toContain(`server3 has its data in ${declared}`);
    renameSync(declared, elsewhere);
    renameSync(`${declared}.pgsite`, `${elsewhere}.pgsite`);
    await site.up();
    expect(existsSync(declared)).toBe(false);
    expect(await site.preview()).toMatch(nothingToDo);
  });

  it("ends a shutdown that an archive_command holds up, and the switchover goes on", async () => {
    const hanging = { ...moved(), archiving: { archiveCommand: "sleep 600 # %p" } };
    site.declare(hanging);
    await site.up();
    await site.query("server2", ["create table held as select 1 as one", "select pg_switch_wal()"]);
    site.declare({ ...hanging, primary: "server3" });
    const said = await site.up();
    expect(said).toMatch(/server2: its shutdown did not end: its last checkpoint was written, so it was ended/);
    expect(await site.query("server3", "select one::text from held")).toEqual([{ one: "1" }]);
    expect(await site.preview()).toMatch(nothingToDo);
  });

  it("restarts for what an extension reads at its start alone, and then has nothing to do", async () => {
    const loaded = (max: number) => ({
      ...moved(),
      primary: "server3",
      settings: { shared_preload_libraries: "pg_stat_statements", "pg_stat_statements.max": max },
    });
    for (const max of [5000, 6000]) {
      site.declare(loaded(max));
      await site.up();
      expect(await site.query("server3", "show pg_stat_statements.max")).toEqual([
        { "pg_stat_statements.max": `${max}` },
      ]);
      expect(await site.preview()).toMatch(nothingToDo);
    }
  });
});
