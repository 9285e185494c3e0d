import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Major } from "../../postgres/versions.js";
import { quick, type RolloutDeclaration, RolloutSite } from "../support/rolloutSite.js";

const by = (slot: string, more: object = {}) => ({
  dataDirectory: "/data/db",
  settings: { primary_slot_name: slot, ...more },
});
const declared = (primary: string): RolloutDeclaration => ({
  settings: quick,
  servers: {
    server2: by("server2_slot", { hot_standby: false }),
    server3: by("server3_slot", { hot_standby: false }),
    des10: { role: "mirror", ...by("des10_slot") },
  },
  primary,
});

const sites: RolloutSite[] = [];
afterAll(async () => {
  for (const site of sites) await site.close();
}, 60_000);

describe.concurrent("slots by which standbys stream", { timeout: 120_000 }, () => {
  const majors: readonly Major[] = ["11", "15"];
  it.each(majors.map((major, index) => [major, 181 + index] as const))(
    "are made on the primary and move with it, and a warm standby keeps no WAL by old ones, at %s",
    async (major, block) => {
      const site = await RolloutSite.make(major, block, declared("server2"));
      sites.push(site);
      const slotsOf = async (server: string) =>
        (await site.query(server, "select slot_name as name, active::text from pg_replication_slots order by 1")).map(
          ({ name, active }) => `${name} ${active}`,
        );
      expect(await slotsOf("server2")).toEqual(["des10_slot true", "server3_slot true"]);

      for (const [next, old] of [
        ["server3", "server2"],
        ["server2", "server3"],
      ] as const) {
        site.declare(declared(next));
        await site.up();
        expect(await slotsOf(next)).toEqual(["des10_slot true", `${old}_slot true`]);
        expect(readdirSync(join(site.server(old).dataDirectory, "pg_replslot"))).toEqual([]);
        expect(await site.preview()).toEqual([]);
      }
    },
  );
});
