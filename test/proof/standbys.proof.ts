import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Server } from "../../config/site.js";
import { hostOf } from "../../hosts/index.js";
import { atLeast } from "../../postgres/versions.js";
import { reloadServer, startServer } from "../../servers/process/process.js";
import { type Proof, proveWorking } from "../../servers/process/proof.js";
import { statusOf } from "../../servers/status/status.js";
import { frozen, processOf, type Release, throttled, writing } from "../support/heldUp.js";
import { password, quick, type RolloutDeclaration, RolloutSite } from "../support/rolloutSite.js";

const data = { dataDirectory: "/data/db" };

for (const [index, major] of (["11", "15", "18"] as const).entries()) {
  /** server3 follows server2, server4 follows server3, and server5 follows server4. */
  describe(`a standby of ${major} that works`, { timeout: 300_000 }, () => {
    let site: RolloutSite;
    let release: Release = async () => undefined;
    let memory = 4;
    const passwords = { postgres: password };

    const declaration = (more: Readonly<Record<string, object>> = {}, primary = "server2"): RolloutDeclaration => ({
      settings: {
        ...quick,
        shared_buffers: "32MB",
        max_wal_size: "2GB",
        wal_keep_segments: "64",
        work_mem: `${memory}MB`,
        archive_mode: "on",
        archive_command: "mkdir -p /kept && cp %p /kept/%f",
      },
      servers: {
        server2: { ...data, ...(primary === "server2" ? {} : { upstream: primary }), ...more.server2 },
        server3: { ...data, ...more.server3 },
        server4: { ...data, upstream: "server3", ...more.server4 },
        server5: { ...data, upstream: "server4", ...more.server5 },
      },
      primary,
    });

    beforeAll(async () => {
      site = await RolloutSite.make(major, 108 + index, declaration());
      await site.query("server2", "create table kept (n int)");
    }, 240_000);

    afterAll(async () => {
      await release();
      await site?.close();
    }, 60_000);

    /** Any change that all get: each is proven after its turn. */
    async function change(more: Readonly<Record<string, object>> = {}, primary = "server2"): Promise<void> {
      memory += 1;
      site.declare(declaration(more, primary));
      await site.up();
      expect(await site.query("server2", "show work_mem")).toEqual([{ work_mem: `${memory}MB` }]);
    }

    const prove = (name: string, more: Partial<Server> = {}, deadline = 20_000): Promise<Proof> =>
      proveWorking({ site: site.site, server: { ...site.server(name), ...more }, passwords, deadline });

    it("is two steps below the primary, which restarts", async () => {
      const before = await site.query("server5", "select pg_postmaster_start_time()::text as at");
      await change({ server2: { settings: { max_files_per_process: "900" } } });
      expect(await site.query("server5", "select pg_postmaster_start_time()::text as at")).toEqual(before);
      expect((await prove("server5")).by).toBe("replayed");
      await change();
    });

    it("replays an hour late, as declared, and the delay goes again; so it does where it is one of several", async () => {
      const delayed = { settings: { recovery_min_apply_delay: "1h" } };
      await change({ server3: delayed });
      await site.query("server2", "insert into kept values (1)");
      expect((await prove("server3")).by).toBe("delayed");
      await change({ server3: delayed, server5: delayed });
      // A restart: it replays what it has, an hour late, before it asks for more.
      await site.query("server2", "insert into kept values (1)");
      await change({ server5: { settings: { ...delayed.settings, max_connections: "130" } } });
      expect((await prove("server5")).by).toBe("delayed");
      expect(await site.preview()).toEqual([]);
      const row = (await statusOf({ site: site.site, passwords })).find(({ name }) => name === "server5");
      expect(row).toMatchObject({ late: { code: "delayed", by: "1h", replaysFirst: true }, problems: [] });
      await change({ server5: delayed });
      await change();
      expect(await site.query("server5", "select count(*)::text as rows from kept")).toEqual([{ rows: "2" }]);
    });

    it("takes over although it is delayed, with everything", async () => {
      const delayed = { settings: { recovery_min_apply_delay: "1h" } };
      await change({ server3: delayed });
      await site.query("server2", "insert into kept values (2)");
      await change({ server3: delayed }, "server3");
      expect(await writing(site)).toEqual(["server3"]);
      expect(await site.query("server3", "select count(*)::text as rows from kept")).toEqual([{ rows: "3" }]);
      await change({ server3: {} }, "server3");
      await change({ server3: {} }, "server2");
      expect(await site.preview()).toEqual([]);
    });

    it("has its replay paused by somebody", async () => {
      const [pause, resume] = atLeast(major, "10")
        ? ["select pg_wal_replay_pause()", "select pg_wal_replay_resume()"]
        : ["", ""];
      await site.query("server4", pause);
      await change();
      expect((await prove("server4")).by).toBe("paused");
      expect((await prove("server5")).by).toBe("replayed");
      await site.query("server4", resume);
    });

    it("has a query on it that its replay waits for", async () => {
      await change({ server3: { settings: { max_standby_streaming_delay: "-1" } } });
      const { address, port } = site.server("server3");
      const client = new pg.Client({ host: address, port, user: "postgres", password, database: "postgres" });
      client.on("error", () => undefined);
      await client.connect();
      await client.query("begin isolation level repeatable read");
      await client.query("select * from kept");
      await site.query("server2", "delete from kept", "vacuum kept", "insert into kept values (1)");
      await site.query("server2", "drop table kept", "create table kept (n int)");
      expect((await prove("server3")).by).toBe("query");
      await change({ server3: { settings: { max_standby_streaming_delay: "-1" } } });
      await client.end();
      await change();
    });

    it("gets its WAL slowly: its deadline moves while it gets on, and it is told how", async () => {
      release = throttled(processOf(site.server("server3"), /wal ?receiver/), 15, 300);
      await site.query(
        "server2",
        "create table much as select n, repeat('x', 900) as x from generate_series(1, 150000) as n",
      );
      const said: string[] = [];
      const began = Date.now();
      const proof = await proveWorking({
        ...{ site: site.site, server: site.server("server3"), passwords },
        deadline: 4_000,
        progress: (line) => void said.push(line),
      });
      const took = Date.now() - began;
      console.info(`${major}: ${took} ms at a deadline of 4 s, by ${proof.by}: ${said.join("; ")}`);
      expect(took).toBeGreaterThan(4_000);
      expect(["replayed", "moving"]).toContain(proof.by);
      if (took > 12_000) expect(said[0]).toMatch(/^server3 is behind and gets on: it lacks .*, .*\/s/);
      await release();
      expect((await prove("server3", {}, 60_000)).by).toBe("replayed");
    });

    it("does not work where its walreceiver stands still, however much its upstream sends", async () => {
      release = frozen(processOf(site.server("server3"), /wal ?receiver/));
      await site.query("server2", "create table more as select n from generate_series(1, 1000) as n");
      await expect(prove("server3", {}, 4_000)).rejects.toThrow(/server3 does not work: it has replayed up to/);
      await release();
      expect((await prove("server3")).by).toBe("replayed");
    });

    it("streams under a name of its own", async () => {
      const server = site.server("server3");
      const file = join(server.dataDirectory, atLeast(major, "12") ? "postgresql.auto.conf" : "recovery.conf");
      const before = readFileSync(file, "utf8");
      const place = atLeast(major, "12") ? join(server.dataDirectory, "postgresql.conf") : file;
      const [, conninfo = ""] = /^primary_conninfo = '(.*)'$/m.exec(readFileSync(place, "utf8")) ?? [];
      expect(conninfo).toContain("server3");
      const host = hostOf(server.host);
      appendFileSync(
        file,
        `\nprimary_conninfo = '${conninfo.replace(/(application_name='*)server3/, "$1somebody")}'\n`,
      );
      await site.stop("server3");
      await startServer(host, server);
      expect((await prove("server3")).by).toBe("replayed");
      const [row] = await site.query("server2", "select application_name as name from pg_stat_replication");
      expect(row).toEqual({ name: "somebody" });
      await host.writeFile(file, before);
      await site.stop("server3");
      await startServer(host, server);
      expect((await prove("server3")).by).toBe("replayed");
    });

    it("gets its WAL from an archive alone", async () => {
      const server = site.server("server3");
      const host = hostOf(server.host);
      const name = atLeast(major, "12") ? "postgresql.conf" : "recovery.conf";
      const file = join(server.dataDirectory, name);
      const before = readFileSync(file, "utf8");
      const without = before.replace(/^primary_conninfo = .*$/m, "");
      await host.writeFile(file, `${without}\nrestore_command = 'cp ${site.folder}/server2/kept/%f %p'\n`);
      await site.stop("server3");
      await startServer(host, server);
      expect((await prove("server3", {}, 60_000)).by).toBe("archive");
      await host.writeFile(file, before);
      await site.stop("server3");
      await startServer(host, server);
      expect((await prove("server3")).by).toBe("replayed");
    });

    it("is one that commits wait for: that is said, and it restarts", async () => {
      const synchronous = { settings: { synchronous_standby_names: "server3" } };
      await change({ server2: synchronous });
      const more = { server2: synchronous, server3: { settings: { max_files_per_process: "900" } } };
      site.declare(declaration(more));
      await site.preview();
      expect(site.said.join("\n")).toContain("server3, before it is stopped: commits on server2 wait while it is away");
      await site.up();
      await site.query("server2", "create table waited (n int)");
      await change();
      await reloadServer(hostOf(site.server("server2").host), site.server("server2"));
      expect(await site.preview()).toEqual([]);
    });

    it("is refused to take over while its replay is paused; of a primary that is lost it does", async () => {
      await site.query("server3", "select pg_wal_replay_pause()");
      site.declare(declaration({}, "server3"));
      await expect(site.up()).rejects.toThrow(/somebody paused the replay of server3/);
      expect(await writing(site)).toEqual(["server2"]);
      await site.query("server2", "insert into kept values (7)");
      await site.stop("server2", "immediate");
      const lost = { server2: { lost: true, acceptDataLoss: true } };
      site.declare(declaration(lost, "server3"));
      await site.up();
      expect(await writing(site)).toEqual(["server3"]);
    });
  });
}
