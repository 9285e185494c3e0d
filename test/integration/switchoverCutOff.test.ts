import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import pRetry from "p-retry";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Server } from "../../config/site.js";
import { triedWhen } from "../support/everyRun.js";
import { RolloutStacks, TooLate } from "../support/rolloutStack.js";
import { postmasterOf } from "../support/rolloutWatch.js";
import { Writer } from "../support/writer.js";

const text = (primary: string) => `config:
  pgsite:site: night
  pgsite:postgresql: "15"
  pgsite:hosts: {server2: 192.0.2.2, server3: 192.0.2.3, des10: 192.0.2.10}
  pgsite:primary: ${primary}
  pgsite:servers:
    server2: {dataDirectory: /data, settings: {hot_standby: false}}
    server3: {dataDirectory: /data, settings: {hot_standby: false}}
    des10: {dataDirectory: /data, role: mirror}
  pgsite:settings:
    shared_buffers: 8MB
    fsync: false
    wal_retrieve_retry_interval: 100ms
`;

/** How far a switchover has come, by what it leaves on the hosts. */
const phases: readonly {
  readonly name: string;
  readonly reached: (old: Server, next: Server, mirror: Server) => boolean;
}[] = [
  { name: "the old primary shuts down", reached: (old) => postmasterOf(old).status === "stopping" },
  { name: "the old primary is shut down", reached: (old) => postmasterOf(old).pid === undefined },
  {
    name: "the new one is told to take over",
    reached: (_old, next) => existsSync(join(next.dataDirectory, "promote")) || !isStandby(next),
  },
  { name: "the new one has taken over", reached: (_old, next) => !isStandby(next) },
  {
    name: "the old one has the files of a standby",
    reached: (old) => isStandby(old) && !postmasterOf(old).up,
  },
  { name: "the old one runs as a standby", reached: (old) => isStandby(old) && postmasterOf(old).up },
  {
    name: "the mirror is told to follow",
    reached: (_old, next, mirror) =>
      readFileSync(join(mirror.dataDirectory, "postgresql.conf"), "utf8").includes(`host=${next.address} `),
  },
];

function isStandby({ dataDirectory }: Server): boolean {
  return existsSync(join(dataDirectory, "standby.signal"));
}

describe("a switchover whose pulumi is killed", { timeout: 300_000 }, () => {
  let stacks: RolloutStacks;
  let writer: Writer;
  let primary = "server2";

  beforeAll(async () => {
    stacks = await RolloutStacks.up(
      { name: "switchover-cut-off", postgresql: "15", block: 156 },
      { ctio: text(primary) },
    );
    const places = stacks.servers("ctio").filter(({ name }) => name !== "des10");
    writer = await Writer.start(places, { user: "postgres", password: "adm1n" });
  }, 180_000);

  afterAll(async () => {
    await writer?.stop();
    await stacks?.rehearsal.down();
  }, 60_000);

  it.each(
    triedWhen(phases, "the old primary is shut down", "the new one has taken over", "the mirror is told to follow"),
  )("when $name ends with the next up in one primary from which all stream", async ({ reached }) => {
    await pRetry(
      async () => {
        const old = primary;
        primary = old === "server2" ? "server3" : "server2";
        const of = (name: string) => stacks.servers("ctio").find((server) => server.name === name) as Server;
        await stacks.declare({ ctio: text(primary) });
        await stacks.killedUp("ctio", () => reached(of(old), of(primary), of("des10")));
      },
      // The switchover was over before it was seen: the next one goes back.
      { retries: 9, minTimeout: 0, shouldRetry: ({ error }) => error instanceof TooLate },
    );
    await stacks.rehearsal.up("ctio");
    await stacks.endedWell("ctio");
    await writer.until(5);
  });

  it("lost nothing that was acknowledged", async () => {
    await writer.stop();
    const server = stacks.servers("ctio").find(({ name }) => name === primary) as Server;
    const numbers = (await stacks.query(server, "select number from written")).map(({ number }) => Number(number));
    const there = new Set(numbers);
    expect(there.size).toBe(numbers.length);
    expect(writer.acknowledged.filter((number) => !there.has(number))).toEqual([]);
  });
});
