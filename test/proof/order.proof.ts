import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Major } from "../../postgres/versions.js";
import { bySlot, Mirrored, OrderSite } from "../support/order.js";
import { RemoteSite, whyNoSite } from "../support/remoteSite.js";

/** Rows m, s, h and o of "No change ends worse than it began", and more of each kind. Each change is one `up`, and clean after it. */
describe.each<Major>(["18", "11", "15"])("at %s", (major) => {
  let order: OrderSite;
  const stays = { server4: bySlot, server5: null };

  beforeAll(async () => {
    order = await OrderSite.up(major, 114);
  }, 300_000);

  afterAll(() => order?.site.remove(), 300_000);

  const stream = (role: string, ...servers: readonly string[]) => servers.map((server) => `${server} ${role}`);

  it("m, s: another port and replication role, a floor raised", async () => {
    await order.changed({ port: 5443, replicationRole: "streamer", settings: { max_connections: 40 } });
    expect(await order.streaming("server2")).toEqual(stream("streamer", "server3", "server4"));
  });

  it("m: another replication role, a floor lowered", async () => {
    await order.changed({ replicationRole: "replicator", settings: { max_connections: 30 } });
    expect(await order.streaming("server2")).toEqual(stream("replicator", "server3", "server4"));
  });

  it("m: another replication role without a restart, but of one standby", async () => {
    const servers = { ...stays, server3: { settings: { max_connections: 31 } } };
    await order.changed({ replicationRole: "streamer", servers });
    expect(await order.streaming("server2")).toEqual(stream("streamer", "server3", "server4"));
  });

  it("m: TLS required of all, with a restart of all", async () => {
    await order.changed({ tls: { certificates: "made", required: false }, servers: stays });
    await order.changed({ tls: { certificates: "made", required: true }, settings: { max_connections: 45 } });
    const sql = "select count(*) from pg_stat_ssl s join pg_stat_replication r on r.pid = s.pid where s.ssl";
    expect(await order.rows("server2", sql)).toEqual(["2"]);
    await order.changed({ tls: { certificates: "made", required: false }, settings: { max_connections: 30 } });
  });

  it("s: the port of a standby alone, and of the primary alone with a floor raised", async () => {
    await order.changed({ servers: { ...stays, server3: { port: 5444 } } });
    expect(await order.streaming("server2")).toEqual(stream("streamer", "server3", "server4"));
    const servers = { ...stays, server2: { port: 5445 }, server3: { port: 5444 } };
    await order.changed({ servers, settings: { max_connections: 50 } });
    expect(await order.streaming("server2", 5445)).toEqual(stream("streamer", "server3", "server4"));
  });

  it("s: folders of sockets together with the port, and addresses together with both", async () => {
    const folder = (server: string) => join(order.site.folder, `${server}-sockets`);
    await order.site.host().run(["mkdir", "-p", ...["server2", "server3", "server4"].map(folder)]);
    const listens = (number: number) => ({ listen_addresses: `127.0.114.${number}` });
    const sockets = (server: string) => ({ unix_socket_directories: folder(server) });
    const servers = (more: (server: string, number: number) => object) => ({
      server2: { settings: more("server2", 12) },
      server3: { settings: more("server3", 13) },
      server4: { settings: { ...bySlot.settings, ...more("server4", 14) } },
      server5: null,
    });
    await order.changed({ port: 5446, servers: servers(sockets) });
    expect(await order.streaming("server2")).toEqual(stream("streamer", "server3", "server4"));
    const hosts = Object.fromEntries(
      [2, 3, 4, 5].map((number) => [`server${number}`, { address: `127.0.114.1${number}`, transport: "local" }]),
    );
    const both = servers((server, number) => ({ ...sockets(server), ...listens(number) }));
    // Where nothing is left to do, all stream.
    await order.changed({ port: 5447, hosts, servers: both, settings: { max_connections: 55 } });
    const back = Object.fromEntries(
      [2, 3, 4, 5].map((number) => [`server${number}`, { address: `127.0.114.${number}`, transport: "local" }]),
    );
    await order.changed({ port: 5442, hosts: back, servers: stays, settings: { max_connections: 30 } });
    expect(await order.streaming("server2")).toEqual(stream("streamer", "server3", "server4"));
  });

  it("h: a standby that follows another takes its slot with it; one under another name has another; one that leaves none", async () => {
    await order.changed({ servers: { server4: { ...bySlot, upstream: "server3" }, server5: null } });
    expect(await order.slots()).toEqual([]);
    expect(await order.slots("server3")).toEqual(["server4_slot"]);
    await order.changed({ servers: stays });
    expect(await order.slots()).toEqual(["server4_slot"]);
    expect(await order.slots("server3")).toEqual([]);
    const renamed = { server4: null, server5: { settings: { primary_slot_name: "server5_slot" } } };
    await order.changed({ servers: renamed });
    expect(await order.slots()).toEqual(["server5_slot"]);
    await order.changed({ servers: { server4: null, server5: null } });
    expect(await order.slots()).toEqual([]);
  });

  it("h: one that leaves a stack whose data stay streams on, which is said with the remedy; once it has stopped, its slot goes", async () => {
    await order.changed({ servers: stays, disposable: false });
    order.declare({ servers: { server4: null, server5: null } });
    const said = (await order.site.up()).replace(/\s+/g, " ");
    expect(said).toContain(
      "the replication slot server4_slot of server2 keeps WAL for server4, which follows server2 no more by the stack file, and streams on by it: stop server4 (pg_ctl stop -D ",
    );
    expect(await order.slots()).toEqual(["server4_slot"]);
    await order.site.stop("server4");
    await order.changed({});
    expect(await order.slots()).toEqual([]);
  });
});

describe.each<Major>(["18", "11", "15"])("a mirror in another stack at %s", (major) => {
  let site: Mirrored;

  afterAll(() => site?.stacks.rehearsal.down(), 300_000);

  it("is named in the preview of a switchover, follows by its own up after one to and from a warm standby, or by itself", async () => {
    site = await Mirrored.up(major, 115, { primary: "server2" });
    await site.declare({ primary: "server3" });
    expect(await site.said("ctio")).toContain(
      "des10, in another stack, where it follows server2, gets nothing from then",
    );
    await site.up("ctio");
    await site.declare({ primary: "server3", upstream: "server3", both: true });
    await site.up("fnal");
    expect(await site.streaming("server3")).toEqual(["des10", "server2"]);
    await site.declare({ primary: "server2", upstream: "server3", both: true });
    await site.up("ctio");
    await expect.poll(() => site.streaming("server2"), { timeout: 30_000 }).toEqual(["des10", "server3"]);
    await site.isClean();
  });

  it("is known by its stack's outputs, and goes on streaming from a hot standby", async () => {
    const known = { upstream: "server2", hot: true, known: true } as const;
    await site.declare({ primary: "server2", ...known });
    await site.up("ctio");
    await site.up("fnal");
    await site.declare({ primary: "server3", ...known });
    expect(await site.said("ctio")).toContain(
      "des10 (organization/pgsite/fnal), goes on streaming from server2, a hot standby then; to have it follow server3, declare server3 as its upstream",
    );
    await site.up("ctio");
    expect(await site.streaming("server2")).toEqual(["des10"]);
    await site.isClean();
    await site.declare({ primary: "server2", ...known, both: true });
    await site.up("fnal");
    expect(await site.said("ctio")).toContain("des10 (organization/pgsite/fnal), goes to server2 by itself");
  });
});

describe.skipIf(whyNoSite() !== undefined)("hosts of their own, over SSH", () => {
  let site: RemoteSite;

  beforeAll(async () => {
    site = await RemoteSite.make({ stacks: ["ctio"] });
    await site.up("ctio");
  }, 300_000);

  afterAll(() => site?.remove(), 300_000);

  const clean = async () => expect(await site.preview("ctio")).toMatch(/Resources:\n {4}\d+ unchanged\n/);

  const address = () => site.addressAt(233);
  /** ssh goes by the name under which its key is known. */
  const hosts = (more: object = {}) =>
    [
      [["hosts", "server2"], { address: site.host("server2").address, ...more }],
      [["hosts", "server3"], { address: address(), ssh: site.host("server3").address, ...more }],
    ] as const;
  const raised = [["settings", "max_connections"], 410] as const;

  it("m: another address of the standby's host, and a floor raised", async () => {
    const host = site.host("server3");
    const [now, next] = [host.address, address()].map((one) => `${one}/24 dev eth0`);
    // What is added last is no longer what it comes from.
    const script = `ip address del ${now} && ip address add ${next} && ip address add ${now}; ip route replace 139.229.14.0/24 dev eth0`;
    await host.must(["sh", "-c", script]);
    site.declare("ctio", ...hosts(), raised);
    await site.up("ctio");
    expect(await site.streaming("server2")).toEqual([`server3 ${address()} streaming`]);
    await clean();
  });

  it("s: another port, where sessions go to the servers' own addresses", async () => {
    await site.letControlIn();
    site.declare("ctio", ...hosts({ sessions: "direct" }), raised);
    await site.up("ctio");
    site.declare("ctio", ...hosts({ sessions: "direct" }), raised, [["port"], 5443]);
    await site.up("ctio");
    await clean();
  });
});
