import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hashOfTree } from "../support/cluster.js";
import { LocalSite } from "../support/localSite.js";
import { until } from "../support/processes.js";

const reader = { reader: { login: false } };
const science = { science: {} };
const nothingToDo = /Resources:\n {4}\d+ unchanged\n/;

/** What pgsite never does: nothing here may lose data, or stop a server, that the stack did not give up in so many words. */
describe("a running site", { timeout: 90_000 }, () => {
  let site: LocalSite;
  let identifier = "";

  beforeAll(async () => {
    const access = ["host replication replicator 127.0.0.1/32 scram-sha-256"];
    const description = { access, roles: reader, databases: science };
    site = await LocalSite.make({ major: "16", block: 61, description });
    await site.up();
    await site.query("server2", ["create table kept (n int)", "insert into kept values (42)"]);
    identifier = await systemIdentifier("server2");
  }, 120_000);

  afterAll(() => site?.remove());

  async function systemIdentifier(server: string): Promise<string> {
    const [row] = await site.query(server, "select system_identifier::text as id from pg_control_system()");
    return row?.id ?? "";
  }

  const rows = (server: string) => site.query(server, "select n from kept");
  const postmasters = () => ["server2", "server3"].map((name) => site.postmaster(name));
  const identity = (server: string) => join(site.controlDirectory(server), "identity.json");

  async function streams(): Promise<void> {
    const one = async () => (await site.query("server2", "select state from pg_stat_replication"))[0]?.state;
    await expect.poll(() => one().catch(() => undefined), { timeout: 15_000 }).toBe("streaming");
  }

  /** Refused in the preview and in the up, by name, and nothing of the data changes. */
  async function refused(server: string, ...reasons: readonly string[]): Promise<void> {
    const directory = site.dataDirectory(server);
    const before = existsSync(directory) ? await hashOfTree(directory) : "";
    for (const command of ["preview", "up"] as const) {
      const said = await site.failing(command);
      for (const reason of reasons) expect(said).toContain(reason);
    }
    expect(existsSync(directory) ? await hashOfTree(directory) : "").toBe(before);
  }

  it("loses a role and a database of the stack: they are left on the server, and said", async () => {
    site.declare({ roles: {}, databases: {} });
    const said = await site.up();
    expect(said).toContain('left the role reader of orders; to drop it: DROP ROLE "reader";');
    expect(said).toContain('left the database science of orders; to drop it: DROP DATABASE "science";');
    const left =
      "select (select count(*) from pg_roles where rolname = 'reader') as roles, (select count(*) from pg_database where datname = 'science') as databases";
    expect(await site.query("server2", left)).toEqual([{ roles: "1", databases: "1" }]);
    site.declare();
    await site.up();
    expect(await site.preview()).toMatch(nothingToDo);
  });

  it("loses a server of the stack: it runs on with its data, is said, and comes back as it was", async () => {
    const before = postmasters();
    site.declare({ servers: { server3: null } });
    const said = await site.up();
    expect(said).toContain(
      `left server3 as it is: its data in ${site.dataDirectory("server3")} and ${site.controlDirectory("server3")} on server3, and the server where it runs; declare its data disposable to have it removed`,
    );
    expect(postmasters()).toEqual(before);
    expect(await rows("server3")).toEqual([{ n: "42" }]);
    // It must also be able to connect anew.
    await site.query("server2", "select pg_terminate_backend(pid) from pg_stat_replication");
    await streams();
    site.declare();
    await site.up();
    expect(postmasters()).toEqual(before);
    expect(await site.preview()).toMatch(nothingToDo);
  });

  it("is destroyed: every server runs on, each is said, replication goes on, and up takes all of it over again", async () => {
    const before = postmasters();
    const said = await site.destroy();
    for (const server of ["server2", "server3"]) {
      expect(said).toContain(`left ${server} as it is: its data in ${site.dataDirectory(server)}`);
      expect(said).toContain(`left the configuration files of ${server} in ${site.dataDirectory(server)} on ${server}`);
    }
    for (const role of ["postgres", "reader", "replicator"]) expect(said).toContain(`left the role ${role} of orders`);
    expect(said).toContain("left the database science of orders");
    expect(postmasters()).toEqual(before);
    await site.query("server2", "select pg_terminate_backend(pid) from pg_stat_replication");
    await streams();
    await site.up();
    expect(postmasters()).toEqual(before);
    expect(await rows("server3")).toEqual([{ n: "42" }]);
    expect(await site.preview()).toMatch(nothingToDo);
  });

  it("whose standby's directory holds files that pgsite did not make: refused by name, untouched", async () => {
    await site.stop("server3");
    const directory = site.dataDirectory("server3");
    renameSync(directory, `${directory}.aside`);
    renameSync(identity("server3"), `${identity("server3")}.aside`);
    await site.host().makeDirectory(directory);
    writeFileSync(join(directory, "notes.txt"), "mine");
    const reason = `${directory} on server3, the data directory of server3, is not empty and was not made by pgsite`;
    await refused("server3", reason);
    rmSync(directory, { recursive: true });
  });

  it("whose standby's directory holds a foreign cluster: refused by name, also under our own identity.json", async () => {
    const directory = site.dataDirectory("server3");
    const initdb = [site.program("initdb"), "-D", directory, "-U", "somebody", "-A", "trust", "--no-sync"];
    expect(await site.host().run(initdb)).toMatchObject({ code: 0 });
    await refused(
      "server3",
      `${directory} on server3, the data directory of server3, is not empty and was not made by`,
    );
    renameSync(`${identity("server3")}.aside`, identity("server3"));
    await refused(
      "server3",
      `${directory} on server3, the data directory of server3, has another system identifier than the one that pgsite made there`,
    );
    rmSync(directory, { recursive: true });
  });

  it("whose standby is lost while the primary is down: neither is made anew, and both come back together", async () => {
    await site.stop("server2");
    const before = await hashOfTree(site.dataDirectory("server2"));
    expect(await site.preview()).toContain(
      `server3: the data directory is gone, and \`up\` will refuse to make it anew: server2 (${site.dataDirectory("server2")} on server2) is to be copied from, and is stopped. Start server2 and run again: by hand`,
    );
    const said = await site.failing("up");
    expect(said).toContain("server3 cannot be seeded: no server of the site orders takes writes now (server2");
    expect(said).toContain("Start server2 (pgsite start server2 --stack site) and run again; nothing was touched");
    expect(existsSync(site.dataDirectory("server3"))).toBe(false);
    expect(await hashOfTree(site.dataDirectory("server2"))).toBe(before);
    renameSync(`${site.dataDirectory("server3")}.aside`, site.dataDirectory("server3"));
    await site.up();
    await streams();
    expect(await systemIdentifier("server2")).toBe(identifier);
    expect(await site.preview()).toMatch(nothingToDo);
  });

  it("whose primary's data is lost while a standby holds the site's: no initdb, and the remedy is said", async () => {
    await site.stop("server2");
    const directory = site.dataDirectory("server2");
    renameSync(directory, `${directory}.aside`);
    const preview = await site.preview();
    expect(preview).not.toContain("server2: the data directory is gone: seed again");
    expect(preview).toContain(
      "server2: the data directory is gone, and `up` will refuse to make it anew: server3 holds the site's data",
    );
    expect(preview).toContain("Promote server3 and run again (server2 is then copied from it)");
    const said = await site.failing("up");
    expect(said).toContain("server2's data is gone, but server3 holds the site's data");
    expect(said).toContain("Promote server3 and run again");
    expect(existsSync(directory)).toBe(false);
    expect(await rows("server3")).toEqual([{ n: "42" }]);
    renameSync(`${directory}.aside`, directory);
    await site.up();
    expect(await systemIdentifier("server2")).toBe(identifier);
    await streams();
    expect(await site.preview()).toMatch(nothingToDo);
  });

  it("whose data is declared disposable: a removed server is stopped and removed, and destroy does so with the rest", async () => {
    site.declare({ disposable: true });
    await site.up();
    const [primary, standby] = postmasters();
    site.declare({ disposable: true, servers: { server3: null } });
    await site.up();
    expect(postmasters()).toEqual([primary, undefined]);
    for (const path of [site.dataDirectory("server3"), site.controlDirectory("server3")]) {
      expect(existsSync(path), path).toBe(false);
    }
    await until("the end of the standby", () => !existsSync(`/proc/${standby}`));
    await site.destroy();
    expect(postmasters()).toEqual([undefined, undefined]);
    for (const path of [site.dataDirectory("server2"), site.controlDirectory("server2")]) {
      expect(existsSync(path), path).toBe(false);
    }
  });
});
