import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Server } from "../../config/site.js";
import { tried } from "../support/everyRun.js";
import { until } from "../support/processes.js";
import { RolloutStacks } from "../support/rolloutStack.js";
import { postmasterOf } from "../support/rolloutWatch.js";

interface Declared {
  readonly connections?: number;
  /** des10 follows server3, which is hot. */
  readonly cascade?: boolean;
  readonly mirror?: boolean;
}

const text = ({ connections = 40, cascade = false, mirror = true }: Declared) => `config:
  pgsite:site: cutmoves
  pgsite:postgresql: "15"
  pgsite:hosts: {server2: 192.0.2.2, server3: 192.0.2.3${mirror ? ", des10: 192.0.2.10" : ""}}
  pgsite:primary: server2
  pgsite:servers:
    server2: {dataDirectory: /data}
    server3: {dataDirectory: /data, settings: {hot_standby: ${cascade}}}
${mirror ? `    des10: {dataDirectory: /data, role: mirror${cascade ? ", upstream: server3" : ""}}\n` : ""}
  pgsite:settings:
    max_connections: ${connections}
    shared_buffers: 8MB
    fsync: false
    wal_retrieve_retry_interval: 100ms
`;

let stacks: RolloutStacks;
let server2: Server;
let server3: Server;
let des10: Server;

beforeAll(async () => {
  const options = { name: "cut-off-moves", postgresql: "15", block: 82 };
  stacks = await RolloutStacks.up(options, { ctio: text({}) });
  [des10, server2, server3] = stacks.servers("ctio") as [Server, Server, Server];
}, 180_000);

afterAll(async () => {
  await stacks?.rehearsal.down();
}, 60_000);

const declare = (declared: Declared) => stacks.declare({ ctio: text(declared) });
const up = () => stacks.rehearsal.up("ctio");

function read({ dataDirectory }: Server, name: string): string {
  try {
    return readFileSync(join(dataDirectory, name), "utf8");
  } catch {
    return "";
  }
}

/** It runs as another process than at first. */
function again(server: Server): () => boolean {
  const before = postmasterOf(server).pid;
  return () => postmasterOf(server).up && postmasterOf(server).pid !== before;
}

describe("a server that moves in the same up as its upstream becomes hot or warm", { timeout: 120_000 }, () => {
  const gone = (server: Server) => () => postmasterOf(server).pid === undefined;
  const movedBack = () => read(des10, "postgresql.conf").includes(`host=${server2.address} `);

  const moves = [
    ["hot: the upstream is stopped", true, () => gone(server3)],
    ["warm: the follower has its files", false, () => movedBack],
    ["hot: the upstream runs", true, () => again(server3)],
    ["warm: the upstream is stopped", false, () => gone(server3)],
  ] as const;

  it.each(tried(moves, (_, index) => index < 2))("killed when %s", async (_when, cascade, phase) => {
    await declare({ cascade });
    await stacks.killedUp("ctio", phase());
    await up();
    await stacks.endedWell("ctio");
  });
});

describe("a standby that is seeded in the same up as its floor falls or rises", { timeout: 180_000 }, () => {
  /** In the file, not held. */
  const declared = (connections: number) =>
    new RegExp(`max_connections = '${connections}'(?![\\s\\S]*max_connections)`).test(read(des10, "postgresql.conf"));
  const seeding = () => existsSync(join(des10.dataDirectory, "pgsite.incomplete"));
  const seeded = (connections: number) => () =>
    !seeding() && existsSync(join(des10.dataDirectory, "PG_VERSION")) && declared(connections);
  const runs = () => postmasterOf(des10).up;

  const ways = [
    ["added", "it is seeded", 50, 40, () => seeding],
    ["added", "it runs with what it needs", 50, 40, () => runs],
    ["seeded again", "it has its files", 50, 40, () => seeded(40)],
    ["seeded again", "the primary has the new value", 50, 40, () => again(server2)],
    ["added", "it runs", 40, 50, () => runs],
  ] as const;

  it.each(tried(ways, (_, index) => index === 0 || index === 3))(
    "%s and killed when %s (%i → %i)",
    async (how, _when, from, to, phase) => {
      await declare({ connections: from, mirror: how !== "added" });
      await up();
      if (how === "seeded again") {
        const { pid } = postmasterOf(des10);
        process.kill(pid ?? 0, "SIGQUIT");
        await until("the end of des10", () => postmasterOf(des10).pid === undefined);
        rmSync(des10.dataDirectory, { recursive: true });
      }
      expect(existsSync(des10.dataDirectory)).toBe(false);
      await declare({ connections: to });
      await stacks.killedUp("ctio", phase());
      await up();
      await stacks.endedWell("ctio");
      for (const server of [server2, des10]) {
        expect(await stacks.query(server, "show max_connections")).toEqual([{ max_connections: `${to}` }]);
      }
    },
  );
});
