import { existsSync, readdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import pRetry from "p-retry";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Server } from "../../config/site.js";
import { triedWhen } from "../support/everyRun.js";
import { askKept, debian15, keptOf, type Parted, partWays, rowsIn } from "../support/parted.js";
import { RolloutStacks, TooLate } from "../support/rolloutStack.js";

const text = (primary: string) => `config:
  pgsite:site: night
  pgsite:postgresql: "15"
  pgsite:hosts: {server2: 192.0.2.2, server3: 192.0.2.3}
  pgsite:primary: ${primary}
  pgsite:servers:
    server2: {dataDirectory: /data}
    server3: {dataDirectory: /data}
  pgsite:settings:
    shared_buffers: 8MB
    fsync: false
    wal_keep_segments: 8
    wal_retrieve_retry_interval: 100ms
`;

/** How far a rejoin has come, by what it leaves on the host of the old primary. */
const phases: readonly { readonly name: string; readonly reached: (old: Server) => boolean }[] = [
  {
    name: "what it has is being kept",
    reached: ({ dataDirectory }) => readdirSync(dirname(dataDirectory)).some((name) => name.endsWith("Z.incomplete")),
  },
  { name: "pg_rewind runs", reached: ({ controlDirectory }) => existsSync(join(controlDirectory, "rejoin.json")) },
  { name: "pg_rewind is done", reached: ({ dataDirectory }) => existsSync(join(dataDirectory, "standby.signal")) },
];

describe.skipIf(!existsSync(join(debian15, "pg_rewind")))(
  "a rejoin whose pulumi is killed",
  { timeout: 180_000 },
  () => {
    let stacks: RolloutStacks;
    let primary = "server2";
    let site: Parted;

    beforeAll(async () => {
      const options = { name: "rejoin-cut-off", binaries: debian15, block: 167 };
      stacks = await RolloutStacks.up(options, { ctio: text(primary) });
      const server = (name: string) => stacks.servers("ctio").find((one) => one.name === name) as Server;
      site = { server, query: (name, ...statements) => stacks.query(server(name), ...statements) };
      await site.query(primary, "create table kept (by text)", "insert into kept values ('both')");
    }, 180_000);

    afterAll(() => stacks?.rehearsal.down(), 60_000);

    const rows = (name: string) => rowsIn((sql) => site.query(name, sql));

    /** Both take writes, the declared primary is the later one, and the other's rows are all kept in the end. */
    async function survives(reached: (old: Server) => boolean, meanwhile: (old: Server) => Promise<unknown>) {
      const seen = async () => {
        const old = primary;
        primary = old === "server2" ? "server3" : "server2";
        await partWays(site, old, primary);
        await meanwhile(site.server(old));
        const before = { own: await rows(old), kept: keptOf(site.server(old)) };
        await stacks.declare({ ctio: text(primary) });
        await stacks.killedUp("ctio", () => reached(site.server(old)));
        return { old, before };
      };
      const again = ({ error }: { readonly error: Error }) => error instanceof TooLate;
      const { old, before } = await pRetry(seen, { retries: 5, minTimeout: 0, shouldRetry: again });
      await stacks.rehearsal.up("ctio");
      await stacks.endedWell("ctio");
      expect(await rows(old)).toEqual(await rows(primary));
      expect((await rows(primary))[`${old} alone`]).toBeUndefined();
      const { dataDirectory, controlDirectory } = site.server(old);
      for (const name of readdirSync(dirname(dataDirectory))) {
        expect(name.startsWith(`${basename(dataDirectory)}.diverged-`) && name.endsWith(".incomplete")).toBe(false);
      }
      for (const name of ["rejoin.json", "rejoin.passfile"]) expect(readdirSync(controlDirectory)).not.toContain(name);
      const [kept = "none"] = keptOf(site.server(old)).filter((one) => !before.kept.includes(one));
      expect(await rowsIn((sql) => askKept(site.server(old), kept, sql))).toEqual(before.own);
    }

    it.each(triedWhen(phases, "pg_rewind runs"))(
      "while $name goes on with the next up, and nothing is lost",
      ({ reached }) => survives(reached, async () => undefined),
    );

    it("in the middle of a delta copy goes on with the next up, and nothing is lost", () =>
      survives(
        ({ dataDirectory }) => existsSync(join(dataDirectory, "pgsite.incomplete")),
        async ({ name, dataDirectory }) => {
          // WAL that pg_rewind would need, gone behind the running server's back.
          await site.query(name, "select pg_switch_wal()", "create table filler (n int)", "checkpoint");
          const [row] = await site.query(name, "select pg_walfile_name(pg_current_wal_lsn()) as current");
          const wal = join(dataDirectory, "pg_wal");
          const before = readdirSync(wal).filter((file) => /^[0-9A-F]{24}$/.test(file) && file !== row?.current);
          for (const file of before) rmSync(join(wal, file));
        },
      ));
  },
);
