import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { processState, reloadServer, startServer } from "../../servers/process/process.js";
import { proveWorking } from "../../servers/process/proof.js";
import { startWorking } from "../../servers/process/start.js";
import { stopServer } from "../../servers/process/stop.js";
import { until } from "../../servers/process/until.js";
import { findWritable } from "../../servers/sql/writable.js";
import { Cluster } from "../support/cluster.js";
import { childrenOf } from "../support/processes.js";

/** At 12: recovery's settings in postgresql.conf, and a warm standby that answers as one that starts (until 13). */
describe("a server", () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await Cluster.describe({
      major: "12",
      first: 50,
      servers: [
        { name: "server2", role: "primary", settings: { wal_keep_segments: "0" } },
        { name: "server3", role: "standby" },
        { name: "des10", role: "mirror" },
      ],
    });
    await cluster.seed("server2");
  }, 60_000);

  afterAll(async () => {
    await cluster?.close();
  }, 60_000);

  const working = (name: string, deadline = 15_000) =>
    startWorking({ ...cluster, server: cluster.server(name), deadline });
  const state = (name: string) => processState(cluster.host(name), cluster.server(name).dataDirectory);
  const parts = (name: string) => [cluster.host(name), cluster.server(name)] as const;

  it("starts, is proven to work, and the second start changes nothing", async () => {
    expect(await working("server2")).toMatchObject({ started: { alreadyRunning: false }, proof: { state: "writes" } });
    expect(await working("server2")).toMatchObject({ started: { alreadyRunning: true }, proof: { state: "writes" } });
    for (const name of ["server3", "des10"]) {
      await cluster.seed(name);
      expect(await working(name)).toMatchObject({ proof: { state: "streams", upstream: "server2" } });
    }
  });

  it("whose upstream lets pgsite in no more is not proven, and that is said long before the deadline", async () => {
    const [host, server] = parts("des10");
    const below = { ...cluster.server("server3"), upstream: "des10" };
    const rules = server.files["pg_hba.conf"] ?? "";
    const obey = async (text: string) => {
      await host.writeFile(join(server.dataDirectory, "pg_hba.conf"), text);
      await reloadServer(host, server);
    };
    const letsIn = async () => {
      const { states } = await findWritable([server], { user: "dbadmin", password: "secret" });
      return states[0]?.unreachable?.kind ?? "yes";
    };
    await obey(`host all all all reject\n${rules}`);
    await expect.poll(letsIn, { timeout: 5000 }).toBe("noRule");
    const began = Date.now();
    await expect(proveWorking({ ...cluster, server: below, deadline: 30_000 })).rejects.toThrow(
      /^server3 does not work: .*des10 \(\S+\) does not let dbadmin in: /,
    );
    expect(Date.now() - began).toBeLessThan(15_000);
    await obey(rules);
    await proveWorking({ ...cluster, server, deadline: 15_000 });
  });

  it("stops in every mode, and stopping one that does not run is fine", async () => {
    for (const mode of ["smart", "fast", "immediate"] as const) {
      await cluster.start("des10");
      expect(await stopServer(...parts("des10"), { mode })).toEqual({ wasRunning: true });
      expect(await stopServer(...parts("des10"), { mode })).toEqual({ wasRunning: false });
    }
  });

  /** A postmaster is killed, and one of its processes cannot notice. @returns what it was, and that process */
  async function killed(name: string): Promise<{ readonly before: number; readonly last: number }> {
    await cluster.start(name);
    const before = await state(name);
    if (before.kind !== "running") throw new Error("it does not run");
    const [last = 0] = childrenOf(before.pid);
    process.kill(last, "SIGSTOP");
    process.kill(before.pid, "SIGKILL");
    return { before: before.pid, last };
  }

  it("starts again after kill -9: its process file is stale, and nobody deletes it", async () => {
    // One of its processes needs a while to notice, and nothing starts beside it.
    const { before, last } = await killed("des10");
    setTimeout(() => process.kill(last, "SIGCONT"), 2000);
    expect(await until(async () => (await state("des10")).kind === "stale", { deadline: 3000 })).toBe(true);
    expect((await startServer(...parts("des10"))).pid).not.toBe(before);
    expect(await state("des10")).toMatchObject({ kind: "running" });
  });

  it("starts again after kill -9 although one of its processes never notices: that one is ended", async () => {
    // As an archiver does whose archive_command hangs.
    const { before, last } = await killed("des10");
    expect(await until(async () => (await state("des10")).kind === "stale", { deadline: 3000 })).toBe(true);
    const { pid, ended } = await startServer(...parts("des10"));
    expect(pid).not.toBe(before);
    expect(ended).toEqual([expect.stringMatching(/^postgres: /)]);
    expect(existsSync(`/proc/${last}`) && readFileSync(`/proc/${last}/stat`, "utf8").includes(") T ")).toBe(false);
    expect(await state("des10")).toMatchObject({ kind: "running" });
  });

  it("is not taken to run because another process has its old number", async () => {
    await cluster.stop("des10");
    const { dataDirectory } = cluster.server("des10");
    const path = join(dataDirectory, "postmaster.pid");
    await cluster.host("des10").writeFile(path, `${process.pid}\n${dataDirectory}\n`);
    expect(await state("des10")).toEqual({ kind: "stale", pid: process.pid });
    await cluster.host("des10").remove(path);
  });

  it("starts although another process of its user has its old number by now, as after a boot", async () => {
    await cluster.start("des10");
    const before = await state("des10");
    if (before.kind !== "running") throw new Error("it does not run");
    const [host, server] = parts("des10");
    const all = [before.pid, ...childrenOf(before.pid)];
    for (const pid of all) process.kill(pid, "SIGKILL");
    expect(await until(async () => all.every((pid) => !existsSync(`/proc/${pid}`)), { deadline: 5000 })).toBe(true);
    const { stdout } = await host.run(["sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!"]);
    const path = join(server.dataDirectory, "postmaster.pid");
    const lines = `${await host.readFile(path)}`.split("\n").slice(1);
    await host.writeFile(path, [stdout.trim(), ...lines].join("\n"));
    try {
      await startServer(host, server, { deadline: 15_000 });
      expect(await state("des10")).toMatchObject({ kind: "running" });
    } finally {
      process.kill(Number(stdout), "SIGKILL");
    }
    await cluster.stop("des10");
  });

  it("that cannot start says why, in its log's words and with the remedy", async () => {
    const [host, server] = parts("des10");
    const conf = join(server.dataDirectory, "postgresql.conf");
    const good = server.files["postgresql.conf"] ?? "";
    await host.writeFile(conf, `${good}max_connections = 10\n`);
    await expect(startServer(host, server, { deadline: 15_000 })).rejects.toThrow(
      /^des10 does not start: FATAL: hot standby is not possible because max_connections = 10 is a lower setting than on the master server .*raise it to the upstream's value/,
    );
    await host.writeFile(conf, `${good}listen_addresses = '192.0.2.1'\n`);
    await expect(startServer(host, server, { deadline: 15_000 })).rejects.toThrow(
      /could not bind IPv4 address "192.0.2.1"/,
    );
    await host.writeFile(conf, good);
  });

  it("that would be a second primary is not started", async () => {
    const [host, server] = parts("des10");
    await host.remove(join(server.dataDirectory, "standby.signal"));
    await expect(working("des10")).rejects.toThrow(
      "des10 is not started: it has no standby.signal and would take writes, and server2 (127.0.20.50:5442) does already",
    );
    await host.writeFile(join(server.dataDirectory, "standby.signal"), "");
  });

  it("that runs but does not stream is not taken to work: the cause is quoted", async () => {
    const [host, server] = parts("des10");
    const passfile = await host.readFile(server.passfile);
    await host.writeFile(server.passfile, "*:*:*:*:wrong\n");
    await expect(working("des10", 6000)).rejects.toThrow(
      /^des10 does not work: it does not stream from server2; its log says "FATAL: .*password authentication failed for user "dbadmin".*": the passfile and the role/,
    );
    await host.writeFile(server.passfile, passfile ?? "");
    expect(await working("des10")).toMatchObject({ proof: { state: "streams" } });
  });

  it("whose WAL its upstream has removed fails at once, with the remedy", async () => {
    await cluster.stop("des10");
    for (let n = 0; n < 4; n += 1) {
      await cluster.query(
        "server2",
        "create table filler (n int)",
        "drop table filler",
        "select pg_switch_wal()",
        "checkpoint",
      );
    }
    await expect(working("des10", 30_000)).rejects.toThrow(
      /requested WAL segment \S+ has already been removed": its upstream no longer has the WAL/,
    );
  });

  it("that is promoted by hand makes two that take writes: nothing is done until one is stopped", async () => {
    const { site, passwords } = cluster;
    const server = cluster.server("server3");
    await cluster.host("server3").run([join(server.binDirectory, "pg_ctl"), "promote", "-D", server.dataDirectory]);
    const login = { user: site.administrator, password: passwords[site.administrator] ?? "" };
    await until(async () => (await findWritable([server], login)).writable !== undefined, { deadline: 5000 });
    await expect(findWritable(site.servers, login)).rejects.toThrow(
      "server2 (127.0.20.50:5442) and server3 (127.0.20.51:5442) both take writes",
    );
    await expect(proveWorking({ ...cluster, server: cluster.server("des10") })).rejects.toThrow("both take writes");
  });
});
