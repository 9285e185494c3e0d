import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Site } from "../../config/site.js";
import { osUser } from "../../hosts/users.js";
import { Cluster } from "../support/cluster.js";
import { serverUser } from "../support/serverUser.js";
import { Stack } from "./stack.js";

const administratorPassword = "adm1n' \\ \" $HOME";
const rolePassword = "r0le: 'quoted' \\";
let cluster: Cluster;
let stack: Stack;

beforeAll(async () => {
  // A standby that lost its primary tries again soon: else each of its restarts costs five seconds.
  const settings = { max_connections: "40", wal_retrieve_retry_interval: "200ms" };
  const servers = [
    { name: "server2", role: "primary" as const, settings },
    { name: "server3", role: "standby" as const, settings },
    { name: "des10", role: "mirror" as const, settings },
  ];
  const made = Cluster.describe({ major: "15", first: 200, servers, password: administratorPassword });
  [cluster, stack] = await Promise.all([
    made,
    Stack.make({ administrator: administratorPassword, role: rolePassword }),
  ]);
  for (const { name } of servers) {
    await cluster.seed(name);
    await cluster.start(name);
  }
  declare();
}, 180_000);

afterAll(async () => {
  await stack?.sandbox.remove();
  await cluster?.close();
});

/** Declares the cluster's servers with other values of settings. */
function declare(settings: Readonly<Record<string, string>> = {}, change: (site: Site) => Site = (site) => site): void {
  const servers = cluster.site.servers.map((server) => {
    const more = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`);
    const conf = [server.files["postgresql.conf"], ...more].join("");
    return { ...server, files: { ...server.files, "postgresql.conf": conf } };
  });
  stack.declare({
    site: change({ ...cluster.site, servers }),
    roles: { reader: { connectionLimit: 7 } },
    databases: { science: { owner: "reader", encoding: "UTF8", schemas: { log: "reader" } } },
  });
}

function dataFile(server: string, name: string): string {
  return join(cluster.server(server).dataDirectory, name);
}

async function startedAt(): Promise<Record<string, string>> {
  const rows = await Promise.all(
    ["server2", "des10"].map(async (name) => [
      name,
      (await cluster.query(name, "select pg_postmaster_start_time()::text as at"))[0]?.at ?? "",
    ]),
  );
  return Object.fromEntries(rows);
}

const unchanged = "Resources:\n    11 unchanged";

describe("a running site under the real engine", { timeout: 60_000 }, () => {
  it("is taken over as it runs: nothing restarts, and the first preview after it is empty", async () => {
    const before = await startedAt();
    const said = await stack.up();
    expect(await startedAt()).toEqual(before);
    expect((await stack.preview()).changes).toBe(unchanged);
    const [role] = await cluster.query(
      "server2",
      "select rolconnlimit, rolcanlogin, rolsuper, left(rolpassword, 14) as verifier from pg_authid where rolname = 'reader'",
    );
    expect(role).toEqual({ rolconnlimit: "7", rolcanlogin: "t", rolsuper: "f", verifier: "SCRAM-SHA-256$" });
    const state = JSON.stringify([...(await stack.sandbox.state("test"))]);
    for (const secret of ["adm1n", "r0le"]) {
      expect(said).not.toContain(secret);
      expect(state).not.toContain(secret);
    }
  });

  it("shows every kind of drift at once, and undoes it", async () => {
    appendFileSync(dataFile("server2", "postgresql.conf"), "work_mem = '64MB'\n");
    appendFileSync(dataFile("des10", "pg_hba.conf"), "host all all 0.0.0.0/0 trust\n");
    chmodSync(dataFile("server3", "postgresql.conf"), 0o644);
    await cluster.query(
      "server2",
      "alter role reader superuser password 'other'",
      "alter database science owner to dbadmin",
    );
    await cluster.stop("server3");
    const { changes, all } = await stack.preview();
    for (const line of [
      `          - work_mem = '64MB'`,
      `          - host all all 0.0.0.0/0 trust`,
      `          ~ postgresql.conf: "0644 ${cluster.server("server3").host.user}" => "0600 ${cluster.server("server3").host.user}"`,
      `      ~ passwordIs: "another" => "as declared"`,
      `      ~ superuser : true => false`,
      `      ~ owner: "dbadmin" => "reader"`,
      `                  + action : "reload"`,
      `                          + from   : "64MB"`,
      `                          + setting: "work_mem"`,
      `                          + file: "pg_hba.conf"`,
      `                          + code: "stopped"`,
    ]) {
      expect(changes).toContain(line);
    }
    expect(all).toContain(
      [
        "the rollout:",
        "1. server2: reload (work_mem 64MB → 4MB)",
        "2. des10: reload (pg_hba.conf)",
        "3. server3: start (stopped)",
      ].join("\n"),
    );
    expect(all).toContain("the password of role reader is another than declared: SQL");
    expect(all).toContain("server3: the server is stopped, declared running: start");
    const before = await startedAt();
    await stack.up();
    expect(await startedAt()).toEqual(before);
    expect((await stack.preview()).changes).toBe(unchanged);
    expect(readFileSync(dataFile("des10", "pg_hba.conf"), "utf8")).not.toContain("trust");
  });

  it("raises a floor on standbys first, and a preview says so before", async () => {
    declare({ max_connections: "50" });
    expect((await stack.preview()).all).toContain(
      [
        "the rollout:",
        "1. des10: restart (max_connections 40 → 50)",
        "2. server3: restart (max_connections 40 → 50)",
        "3. server2: restart (max_connections 40 → 50)",
      ].join("\n"),
    );
    await stack.up();
    const started = await startedAt();
    expect(Date.parse(started.des10 ?? "")).toBeLessThan(Date.parse(started.server2 ?? ""));
    for (const name of ["server2", "des10"]) {
      expect(await cluster.query(name, "show max_connections")).toEqual([{ max_connections: "50" }]);
    }
    expect((await stack.preview()).changes).toBe(unchanged);
  });

  it("lowers it on the primary first, and no standby ever refuses to recover", async () => {
    declare();
    await stack.up();
    const started = await startedAt();
    expect(Date.parse(started.server2 ?? "")).toBeLessThan(Date.parse(started.des10 ?? ""));
    expect(await cluster.query("des10", "show max_connections")).toEqual([{ max_connections: "40" }]);
    expect((await stack.preview()).changes).toBe(unchanged);
  });

  it("goes on after a pulumi that was killed in the middle of a rollout", async () => {
    declare({ max_connections: "60" });
    const killed = stack.sandbox.start(["up", "--yes", "--skip-preview", "--stack", "test"]);
    const pending = join(cluster.server("des10").controlDirectory, "pending.json");
    await expect.poll(() => existsSync(pending), { timeout: 30_000, interval: 5 }).toBe(true);
    process.kill(killed.pid, "SIGKILL");
    await killed.finished;
    // The provider notices that its engine is gone, and ends.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect((await stack.sandbox.run(["cancel", "--yes", "--stack", "test"])).code).toBe(0);
    const said = await stack.up();
    for (const name of ["server2", "des10"]) {
      expect(await cluster.query(name, "show max_connections"), said).toEqual([{ max_connections: "60" }]);
    }
    expect(existsSync(pending)).toBe(false);
    expect((await stack.preview()).changes).toBe(unchanged);
  });

  it("knows files that were installed and are not in force", async () => {
    const server = cluster.server("des10");
    await cluster
      .host("des10")
      .writeFile(
        join(server.controlDirectory, "pending.json"),
        JSON.stringify({ action: "restart", settings: { ...server.settings, max_connections: "60", work_mem: "7MB" } }),
      );
    const { changes, all } = await stack.preview();
    expect(changes).toContain('+ code: "interrupted"');
    expect(all).toContain("1. des10: restart (work_mem 7MB → 4MB, an interrupted rollout)");
    await stack.up();
    expect((await stack.preview()).changes).toBe(unchanged);
  });

  it("previews a change of roles as updates, and refuses it before anything is changed", async () => {
    declare();
    await stack.up();
    const before = await startedAt();
    const files = () => ["server2", "server3"].map((name) => existsSync(dataFile(name, "standby.signal")));
    const found = files();
    declare({}, (site) => ({
      ...site,
      primary: "des10",
      servers: site.servers.map(({ upstream: _upstream, ...server }) =>
        server.name === "des10"
          ? { ...server, role: "primary", files: { ...server.files, "standby.signal": null } }
          : { ...server, role: "standby", upstream: "des10", files: { ...server.files, "standby.signal": "" } },
      ),
    }));
    const { changes } = await stack.preview();
    expect(changes).not.toMatch(/\((create|delete|replace|create-replacement|delete-replaced)\)/);
    await cluster.stop("des10");
    const said = await stack.failing("up");
    expect(said).toContain(
      "the switchover from server2 to des10: des10 is stopped; declare server2 as the primary, and bring des10 up first",
    );
    await cluster.start("des10");
    expect((await startedAt()).server2).toBe(before.server2);
    expect(files()).toEqual(found);
    declare();
    await stack.up();
    expect((await stack.preview()).changes).toBe(unchanged);
  });

  it("says that a data directory is gone, and counts a new incarnation", async () => {
    const { dataDirectory } = cluster.server("des10");
    await cluster.stop("des10");
    rmSync(dataDirectory, { recursive: true });
    const { changes, all } = await stack.preview();
    expect(all).toContain("des10: the data directory is gone: seed again");
    expect(changes).toContain(`      ~ data       : "absent" => "present"`);
    expect(changes).toContain(`      ~ incarnation: 1 => 2`);
    mkdirSync(dataDirectory, { mode: 0o700 });
    writeFileSync(join(dataDirectory, "PG_VERSION"), "15\n");
    const { uid, gid } = await osUser(await serverUser());
    for (const path of [dataDirectory, join(dataDirectory, "PG_VERSION")]) chownSync(path, uid, gid);
    const refused = await stack.failing("preview");
    expect(refused).toContain(`${dataDirectory} on des10, the data directory of des10,`);
    expect(readFileSync(join(dataDirectory, "PG_VERSION"), "utf8")).toBe("15\n");
    rmSync(dataDirectory, { recursive: true });
    await cluster.seed("des10");
    await cluster.start("des10");
    await stack.up();
    expect((await stack.preview()).changes).toBe(unchanged);
  });

  it("leaves roles and databases, and removes disposable data, each said by name", async () => {
    const said = await stack.destroy();
    expect(said).toContain('left the role reader of test; to drop it: DROP ROLE "reader";');
    expect(said).toContain('left the database science of test; to drop it: DROP DATABASE "science";');
    expect(said).toContain('left the schema log in the database science of test; to drop it there: DROP SCHEMA "log";');
    for (const { dataDirectory, controlDirectory } of cluster.site.servers) {
      expect([existsSync(dataDirectory), existsSync(controlDirectory)]).toEqual([false, false]);
    }
  });
});
