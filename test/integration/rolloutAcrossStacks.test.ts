import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Server } from "../../config/site.js";
import { RolloutStacks } from "../support/rolloutStack.js";
import { complaintsIn } from "../support/rolloutWatch.js";

const common = (connections: number) => `config:
  pgsite:site: across
  pgsite:postgresql: "15"
  pgsite:hosts: {server2: 192.0.2.2, des10: 192.0.2.10}
  pgsite:settings:
    max_connections: ${connections}
    shared_buffers: 8MB
    fsync: false
    wal_retrieve_retry_interval: 100ms
`;
const ctio = (connections: number) => `${common(connections)}
  pgsite:primary: server2
  pgsite:servers: {server2: {dataDirectory: /data}}
  pgsite:mirrors: [des10]
  pgsite:mirrorStacks: [organization/pgsite/fnal]
`;
const fnal = (connections: number) => `${common(connections)}
  pgsite:servers: {des10: {dataDirectory: /data, role: mirror}}
  pgsite:upstream:
    server: server2
    dataDirectory: /data
    settings: {max_connections: ${connections}}
    stack: organization/pgsite/ctio
`;

let stacks: RolloutStacks;
let server2: Server;
let des10: Server;

beforeAll(async () => {
  const options = { name: "rollout-across", postgresql: "15", block: 99 };
  stacks = await RolloutStacks.up(options, { ctio: ctio(40), fnal: fnal(40) });
  [server2] = stacks.servers("ctio") as [Server];
  [des10] = stacks.servers("fnal") as [Server];
}, 180_000);

afterAll(async () => {
  await stacks?.rehearsal.down();
}, 60_000);

async function connections(): Promise<readonly (string | null | undefined)[]> {
  const asked = [server2, des10].map((server) => stacks.query(server, "show max_connections"));
  return (await Promise.all(asked)).map(([row]) => row?.max_connections);
}

describe("a floor that servers of two stacks share", { timeout: 120_000 }, () => {
  it("is raised in the mirror's stack first: the preview of the primary's says so until then", async () => {
    await stacks.declare({ ctio: ctio(50), fnal: fnal(50) });
    const refused = await stacks.preview("ctio");
    expect(refused.code).not.toBe(0);
    expect(refused.said.replace(/\s+/g, " ")).toContain(
      "settings.max_connections: des10 in organization/pgsite/fnal: max_connections 40 is below the primary's 50: a hot standby does not start so; allowed: at least 50; raise it there first: pulumi up --stack organization/pgsite/fnal, then here",
    );
    await expect(stacks.rehearsal.up("ctio")).rejects.toThrow("raise it there first");
    expect(await connections()).toEqual(["40", "40"]);

    await stacks.rehearsal.up("fnal");
    expect(await connections()).toEqual(["40", "50"]);
    await stacks.rehearsal.up("ctio");
    expect(await connections()).toEqual(["50", "50"]);
  });

  it("is lowered in the primary's stack first, and only once it is lowered there to the end", async () => {
    await stacks.declare({ ctio: ctio(40), fnal: fnal(40) });
    const order =
      "servers.des10.settings.max_connections: max_connections 40 is below the primary's 50: a hot standby does not start so; allowed: at least 50; to lower it, lower it there first: pulumi up --stack organization/pgsite/ctio, then here";
    expect((await stacks.preview("fnal")).said.replace(/\s+/g, " ")).toContain(order);
    await stacks.killedUp("ctio", () => existsSync(join(server2.controlDirectory, "staged", "postgresql.conf")));
    const stillRefused = await stacks.preview("fnal");
    expect(stillRefused.code).not.toBe(0);
    expect(stillRefused.said.replace(/\s+/g, " ")).toContain(order);

    // A mirror that has not replayed the lower value yet is waited for.
    await stacks.query(des10, "select pg_wal_replay_pause()");
    await stacks.rehearsal.up("ctio");
    expect(await connections()).toEqual(["40", "50"]);
    const resumed = new Promise((resolve, reject) => {
      setTimeout(() => stacks.query(des10, "select pg_wal_replay_resume()").then(resolve, reject), 6000);
    });
    await Promise.all([stacks.rehearsal.up("fnal"), resumed]);
    expect(await connections()).toEqual(["40", "40"]);
    expect(complaintsIn([server2, des10], true)).toEqual([]);
    for (const stack of ["ctio", "fnal"]) {
      const { code, said } = await stacks.preview(stack, "--expect-no-changes");
      expect(code, said).toBe(0);
    }
  });
});
