import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Server } from "../../config/site.js";
import { LocalSite } from "../support/localSite.js";
import { RolloutStacks } from "../support/rolloutStack.js";

const nothingToDo = /Resources:\n {4}\d+ unchanged\n/;

describe("a rollout in which one change is in the way of another", { timeout: 120_000 }, () => {
  let site: LocalSite;
  const roles = { replicator: { replication: true, login: true }, streamer: { replication: true, login: true } };
  const slot = { server4: { settings: { primary_slot_name: "server4_slot" } } };
  const changed = { port: 5443, replicationRole: "streamer", settings: { max_connections: 40 } };

  beforeAll(async () => {
    site = await LocalSite.make({
      major: "15",
      block: 111,
      servers: ["server2", "server3", "server4"],
      passwords: { streamer: "str3amer" },
      description: { roles, disposable: true },
    });
    site.declare({ servers: slot });
    await site.up();
  }, 120_000);

  afterAll(() => site?.remove(), 60_000);

  const planIn = (said: string) => {
    const [lines = ""] = /the rollout:\n(?:\s*\d+\. .*\n)+/.exec(said) ?? [];
    return [...lines.matchAll(/^\s*\d+\. (.*)$/gm)].map(([, step]) => step);
  };

  it("brings another port, another replication role and a raised floor into force in one up", async () => {
    site.declare({ ...changed, servers: slot });
    const said = await site.up();
    const both = (...servers: readonly string[]) =>
      `pg_hba.conf lets ${servers.join(" and ")} in both as ${servers.length === 1 ? "it comes" : "they come"} now and as declared`;
    const restart = "restart (max_connections 30 → 40, port 5442 → 5443, primary_conninfo, pg_hba.conf";
    expect(planIn(said)).toEqual([
      `server2: reload (${both("server3", "server4")})`,
      `server2: restart (port 5442 → 5443, pg_hba.conf, max_connections stays 30 until server3 and server4 have their new value, ${both("server3", "server4")})`,
      `server3: ${restart}, ${both("server2", "server4")})`,
      `server4: ${restart}, ${both("server2")})`,
      "server2: restart (max_connections 30 → 40)",
      "server3: reload (pg_hba.conf lets in as declared alone)",
      "server4: reload (pg_hba.conf lets in as declared alone)",
    ]);
    const streaming = "select application_name as name, usename as role from pg_stat_replication order by 1";
    expect(await site.query("server2", streaming, { port: 5443 })).toEqual([
      { name: "server3", role: "streamer" },
      { name: "server4", role: "streamer" },
    ]);
    const rules = "select count(*)::text as left from pg_hba_file_rules where 'replicator' = any (user_name)";
    for (const server of ["server2", "server3"]) {
      expect(await site.query(server, rules, { port: 5443 })).toEqual([{ left: "0" }]);
    }
    expect(await site.preview()).toMatch(nothingToDo);
  });

  it("drops the slot of a standby that leaves a disposable stack in the same up", async () => {
    const slots = () => site.query("server2", "select slot_name as name from pg_replication_slots", { port: 5443 });
    expect(await slots()).toEqual([{ name: "server4_slot" }]);
    site.declare({ ...changed, servers: { server4: null } });
    await site.up();
    expect(await slots()).toEqual([]);
    expect(site.postmaster("server4")).toBeUndefined();
    expect(await site.preview()).toMatch(nothingToDo);
  });
});

const common = `config:
  pgsite:site: aside
  pgsite:postgresql: "15"
  pgsite:hosts: {server2: 192.0.2.2, server3: 192.0.2.3, des10: 192.0.2.10}
`;
const settings = (
  more: string,
) => `  pgsite:settings: {shared_buffers: 8MB, fsync: false, wal_retrieve_retry_interval: 100ms, ${more}}
`;
const ctio = (primary: string) => `${common}${settings("hot_standby: false")}
  pgsite:primary: ${primary}
  pgsite:servers: {server2: {dataDirectory: /data}, server3: {dataDirectory: /data}}
  pgsite:mirrors: [des10]
`;
const fnal = (upstream: string) => `${common}${settings("work_mem: 4MB")}
  pgsite:servers: {des10: {dataDirectory: /data, role: mirror}}
  pgsite:upstream: {server: ${upstream}, dataDirectory: /data}
`;

describe("a mirror in another stack, and a standby that is warm", { timeout: 120_000 }, () => {
  let stacks: RolloutStacks;

  afterAll(() => stacks?.rehearsal.down(), 60_000);

  it("is named in the preview of a switchover, with what to do, and follows by its own up after it", async () => {
    const texts = { ctio: ctio("server2"), fnal: fnal("server2") };
    stacks = await RolloutStacks.up({ name: "order-mirror", postgresql: "15", block: 112 }, texts);
    await stacks.declare({ ...texts, ctio: ctio("server3") });
    const { said, code } = await stacks.preview("ctio");
    expect(code, said).toBe(0);
    expect(said).toContain(
      "des10, in another stack, where it follows server2, gets nothing from then on: server2 is a warm standby then, from which nobody can stream. Right after this up, declare server3 as its upstream (upstream.server and .dataDirectory) and run pulumi up there",
    );
    await stacks.rehearsal.up("ctio");
    const [, server3] = stacks.servers("ctio") as [Server, Server];
    const streaming = "select application_name as name from pg_stat_replication where state = 'streaming' order by 1";
    expect(await stacks.query(server3, streaming)).toEqual([{ name: "server2" }]);
    await stacks.declare({ ctio: ctio("server3"), fnal: fnal("server3") });
    await stacks.rehearsal.up("fnal");
    expect(await stacks.query(server3, streaming)).toEqual([{ name: "des10" }, { name: "server2" }]);
    for (const stack of ["ctio", "fnal"]) {
      const clean = await stacks.preview(stack, "--expect-no-changes");
      expect(clean.code, clean.said).toBe(0);
    }
  });
});
