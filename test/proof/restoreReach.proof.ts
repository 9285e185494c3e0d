import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BackedUp } from "../support/backedUp.js";
import { haveClients } from "../support/ownServer.js";

/* What is restored for a drill reaches nothing of the live site, by its network or by its socket, whatever it would like to do. */

const address = "127.0.152.7";

describe.skipIf(!haveClients())("a drill's server", () => {
  let site: BackedUp;
  const log = () => join(site.server.folder, "log");

  beforeAll(async () => {
    site = await BackedUp.make({ address, settings: { log_connections: "on" } }, { databases: {} });
    const { server } = site;
    for (const [name, host] of [
      ["network", address],
      ["socket", server.sockets],
    ])
      await server.query(
        "postgres",
        `create database by_${name};
\\connect by_${name}
create extension postgres_fdw;
create table here as select 1 as n;
create server live foreign data wrapper postgres_fdw options (host '${host}', port '${server.port}', dbname 'by_${name}');
create user mapping for postgres server live options (user 'postgres', password 'p', password_required 'false');
create foreign table there (n int) server live options (table_name 'here');
create materialized view seen as select * from there with no data;`,
      );
    writeFileSync(join(server.data, "pg_hba.conf"), "local all all trust\nhost all all 127.0.0.0/8 trust\n");
    await server.query("postgres", "select pg_reload_conf()");
    for (const name of ["by_network", "by_socket"]) await server.query(name, "refresh materialized view seen");
    expect((await site.backup()).code).toBe(0);
  }, 60_000);

  afterAll(async () => {
    await site?.close();
  }, 60_000);

  it("does not get to the live one, and the drill says what it misses", async () => {
    const before = readFileSync(log(), "utf8").length;
    const { events } = await site.run("drill", []);
    expect(events.filter(([word]) => word === "remark")).toEqual([]);
    expect(events.at(-1)?.slice(0, 3)).toEqual(["end", "failed", "restore"]);
    const errors = events.filter(([word]) => word === "error").map((fields) => fields.join(" "));
    for (const name of ["by_network", "by_socket"])
      expect(errors.some((error) => error.startsWith(`error ${name} `) && error.includes("could not connect"))).toBe(
        true,
      );
    const said = readFileSync(log(), "utf8").slice(before);
    expect(said).not.toMatch(/connection (received|authorized)/);
  }, 60_000);

  it("would get there if it were not cut off: so the test can see it", async () => {
    const before = readFileSync(log(), "utf8").length;
    await site.run("drill", [], { drill_network: "1" });
    expect(readFileSync(log(), "utf8").slice(before)).toMatch(
      /connection authorized: user=postgres database=by_socket/,
    );
  }, 60_000);
});
