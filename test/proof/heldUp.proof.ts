import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { atLeast, type Major } from "../../postgres/versions.js";
import {
  copyingSession,
  copyingWalsender,
  frozen,
  processOf,
  type Release,
  stuckBackend,
  throttled,
  writing,
} from "../support/heldUp.js";
import { partWays } from "../support/parted.js";
import { password, quick, RolloutSite } from "../support/rolloutSite.js";
import { Writer } from "../support/writer.js";

/** How a way ends: by itself, or by a refusal before anything is stopped. */
type End = "done" | RegExp;

interface Way {
  readonly name: string;
  readonly majors?: readonly Major[];
  /** Holds up the shutdown of a server. @param other a standby that stays one */
  readonly begin: (site: RolloutSite, server: string, other: string) => Promise<Release>;
  /** What the preview warns of. */
  readonly says: RegExp;
  readonly restart: End;
  readonly switchover: End;
  /** Of a switchover until 12, by which every standby restarts. @default as `switchover` */
  readonly restarting?: End;
}

/** A rehearsal has the host's paths below a folder of the host's, also those in a command. */
const flag = (site: RolloutSite, server: string, name: string) => join(site.folder, server, "hold", name);

async function archiver(site: RolloutSite, server: string, how: "hangs" | "fails"): Promise<Release> {
  mkdirSync(dirname(flag(site, server, how)), { recursive: true });
  writeFileSync(flag(site, server, how), "");
  await site.query(server, "insert into kept values ('archived')", "select pg_switch_wal()");
  await sleep(how === "hangs" ? 11_000 : 2_000);
  return async () => rmSync(flag(site, server, how), { force: true });
}

const stuck = /was stopped by a signal or a debugger/;
const copying = /a base backup \(.*\) has run for \d+ s/;

const ways: readonly Way[] = [
  {
    name: "an archive_command that hangs",
    begin: (site, server) => archiver(site, server, "hangs"),
    says: /archive_command has been at one segment for \d+ s, and \d+ segments? wait/,
    restart: "done",
    switchover: "done",
  },
  {
    name: "an archive_command that fails",
    begin: (site, server) => archiver(site, server, "fails"),
    says: /archive_command fails \(0000.*\), and \d+ segments? wait/,
    restart: "done",
    switchover: "done",
  },
  {
    name: "a walsender to a frozen standby",
    async begin(site, server, other) {
      const release = frozen(processOf(site.server(other), /wal ?receiver/));
      await site.query(server, "insert into kept values ('frozen')");
      // Whoever waits for nothing any more goes on: the standby is to be proven in the end.
      site.beforeStep = async (step) => {
        if (/ended its walsender|shutting down for|: promoting$/.test(step)) await release();
      };
      return async () => {
        site.beforeStep = async () => undefined;
        await release();
      };
    },
    says: /./,
    restart: "done",
    switchover: "done",
    restarting: stuck,
  },
  {
    name: "a prepared transaction",
    async begin(site, server) {
      await site.query(server, "begin", "insert into kept values ('prepared')", "prepare transaction 'held'");
      return async () => {
        for (const name of await writing(site)) await site.query(name, "commit prepared 'held'").catch(() => undefined);
      };
    },
    says: /1 prepared transaction/,
    restart: "done",
    switchover: "done",
  },
  {
    name: "a base backup by a walsender",
    begin: (site, server) => copyingWalsender(site.server(server)),
    says: copying,
    restart: copying,
    switchover: copying,
  },
  {
    name: "a base backup by a session",
    begin: (site, server) => copyingSession(site.server(server)),
    says: copying,
    restart: copying,
    switchover: copying,
  },
  {
    name: "an exclusive backup",
    majors: ["11"],
    begin: (site, server) => copyingSession(site.server(server), true),
    says: /it is in backup mode/,
    restart: /it is in backup mode/,
    switchover: /it is in backup mode/,
  },
  {
    name: "a backend that is stuck",
    begin: (site, server) => stuckBackend(site.server(server)),
    says: stuck,
    restart: stuck,
    switchover: stuck,
  },
  {
    name: "a checkpointer that is stuck",
    begin: async (site, server) => frozen(processOf(site.server(server), /checkpointer/)),
    says: stuck,
    restart: stuck,
    switchover: stuck,
  },
  {
    name: "a checkpoint that takes its time",
    async begin(site, server) {
      await site.query(
        server,
        "drop table if exists much",
        "create table much as select n, repeat('x', 500) as x from generate_series(1, 60000) as n",
      );
      return throttled(processOf(site.server(server), /checkpointer/));
    },
    says: /./,
    restart: "done",
    switchover: "done",
  },
];

for (const [index, major] of (["11", "15", "18"] as const).entries()) {
  describe(`a shutdown of ${major} that is held up`, { timeout: 400_000 }, () => {
    let site: RolloutSite;
    let primary = "server2";
    let files = 1000;
    let release: Release = async () => undefined;

    const archive = "if [ -e /hold/hangs ]; then sleep 600; elif [ -e /hold/fails ]; then exit 1; fi # %p";
    const declare = () => {
      const servers = ["server2", "server3", "des10"].map((name) => [
        name,
        {
          dataDirectory: "/data/db",
          ...(name === "des10" ? { role: "mirror" } : {}),
          ...(name === primary ? { settings: { max_files_per_process: `${files}` } } : {}),
        },
      ]);
      return {
        settings: {
          ...quick,
          shared_buffers: "64MB",
          max_prepared_transactions: "5",
          archive_mode: "on",
          archive_command: archive,
        },
        servers: Object.fromEntries(servers),
        primary,
      };
    };
    const again = () => site.declare(declare());
    const warnings = () => site.said.filter((line) => line.startsWith("warning: ")).join("\n");
    const standby = () => (primary === "server2" ? "server3" : "server2");

    beforeAll(async () => {
      site = await RolloutSite.make(major, 108 + index, declare());
      await site.query("server2", "create table kept (by text)");
    }, 180_000);

    afterAll(async () => {
      await release();
      await site?.close();
    }, 60_000);

    /** An `up` that ends as it is to; one that is refused has stopped nothing, and ends well when the cause is gone. */
    async function upEnds(end: End): Promise<void> {
      if (end === "done") {
        await site.up();
      } else {
        await expect(site.up()).rejects.toThrow(end);
        expect((await writing(site)).length).toBe(1);
        await release();
        await site.up();
      }
      await release();
    }

    async function underWriter(act: () => Promise<void>): Promise<void> {
      const places = ["server2", "server3"].map((name) => site.server(name));
      const writer = await Writer.start(places, { user: "postgres", password });
      try {
        await act();
        expect(await writing(site)).toEqual([primary]);
        await writer.until(5);
      } finally {
        await writer.stop();
      }
      const found = new Set(
        (await site.query(primary, "select number::text as n from written")).map(({ n }) => Number(n)),
      );
      expect(writer.acknowledged.filter((number) => !found.has(number))).toEqual([]);
      console.info(`${major}: ${writer.acknowledged.length} commits, the longest gap ${writer.longestGap} ms`);
      await site.query(primary, "drop table written");
    }

    for (const way of ways.filter(({ majors }) => majors?.includes(major) !== false)) {
      it(`by ${way.name}: a restart`, () =>
        underWriter(async () => {
          release = await way.begin(site, primary, "des10");
          files += 1;
          again();
          await site.preview();
          expect(warnings()).toMatch(way.says.source === "." ? /^/ : way.says);
          await upEnds(way.restart);
          expect(await site.preview()).toEqual([]);
        }));

      it(`by ${way.name}: a switchover`, () =>
        underWriter(async () => {
          release = await way.begin(site, primary, "des10");
          primary = standby();
          again();
          await site.preview();
          expect(warnings()).toMatch(way.says.source === "." ? /^/ : way.says);
          await upEnds(atLeast(major, "13") ? way.switchover : (way.restarting ?? way.switchover));
          expect(await site.preview()).toEqual([]);
        }));

      it(`by ${way.name}: a rejoin`, async () => {
        const old = primary;
        primary = standby();
        await partWays(site, old, primary);
        // None follows it that could be frozen: its own processes are as they are.
        const hold = way.name.includes("frozen") ? stuckBackend(site.server(old)) : way.begin(site, old, "des10");
        release = await hold;
        again();
        await site.up();
        await release();
        expect(await writing(site)).toEqual([primary]);
        expect(await site.preview()).toEqual([]);
      });
    }
  });
}
