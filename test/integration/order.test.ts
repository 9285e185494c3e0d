import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bySlot, Mirrored, OrderSite } from "../support/order.js";

describe("a rollout in which one change is in the way of another", { timeout: 120_000 }, () => {
  let order: OrderSite;

  beforeAll(async () => {
    order = await OrderSite.up("15", 111);
  }, 120_000);

  afterAll(() => order?.site.remove(), 60_000);

  it("brings another port, another replication role and a raised floor into force in one up", async () => {
    const both = (...servers: readonly string[]) =>
      `pg_hba.conf lets ${servers.join(" and ")} in both as ${servers.length === 1 ? "it comes" : "they come"} now and as declared`;
    const restart = "restart (max_connections 30 → 40, port 5442 → 5443, primary_conninfo, pg_hba.conf";
    const changed = { port: 5443, replicationRole: "streamer", settings: { max_connections: 40 } };
    expect(await order.changed(changed)).toEqual([
      `server2: reload (${both("server3", "server4")})`,
      `server2: restart (port 5442 → 5443, pg_hba.conf, max_connections stays 30 until server3 and server4 have their new value, ${both("server3", "server4")})`,
      `server3: ${restart}, ${both("server2", "server4")})`,
      `server4: ${restart}, ${both("server2")})`,
      "server2: restart (max_connections 30 → 40)",
      "server3: reload (pg_hba.conf lets in as declared alone)",
      "server4: reload (pg_hba.conf lets in as declared alone)",
    ]);
    expect(await order.streaming("server2")).toEqual(["server3 streamer", "server4 streamer"]);
    const rules = "select count(*) from pg_hba_file_rules where 'replicator' = any (user_name)";
    for (const server of ["server2", "server3"]) expect(await order.rows(server, rules)).toEqual(["0"]);
  });

  it("drops the slot of a standby that leaves a disposable stack in the same up", async () => {
    expect(await order.slots()).toEqual([bySlot.settings.primary_slot_name]);
    await order.changed({ servers: { server4: null, server5: null } });
    expect(await order.slots()).toEqual([]);
    expect(order.site.postmaster("server4")).toBeUndefined();
  });
});

describe("a mirror in another stack, and a standby that is warm", { timeout: 300_000 }, () => {
  let site: Mirrored;

  afterAll(() => site?.stacks.rehearsal.down(), 120_000);

  it("is named in the preview of a switchover, with what to do, and follows by its own up after it; or by itself", async () => {
    site = await Mirrored.up("15", 112, { primary: "server2" });
    await site.declare({ primary: "server3" });
    expect(await site.said("ctio")).toContain(
      "des10, in another stack, where it follows server2, gets nothing from then on: server2 is a warm standby then, from which nobody can stream. Right after this up, declare server3 as its upstream (upstream.server and .dataDirectory) and run pulumi up there",
    );
    await site.up("ctio");
    expect(await site.streaming("server3")).toEqual(["server2"]);
    await site.declare({ primary: "server3", upstream: "server3", both: true });
    await site.up("fnal");
    expect(await site.streaming("server3")).toEqual(["des10", "server2"]);
    await site.declare({ primary: "server2", upstream: "server3", both: true });
    await site.up("ctio");
    await expect.poll(() => site.streaming("server2"), { timeout: 20_000 }).toEqual(["des10", "server3"]);
  });
});
