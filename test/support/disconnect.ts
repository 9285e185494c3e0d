import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { RolloutSite } from "./rolloutSite.js";

/** The standby is turned away, while the primary goes on: who streams already does so too. */
export async function disconnect(site: RolloutSite, standby: string): Promise<void> {
  await untilReplayed(site, standby);
  const rules = join(site.server("server2").dataDirectory, "pg_hba.conf");
  writeFileSync(rules, `host replication all 0.0.0.0/0 reject\n${readFileSync(rules, "utf8")}`);
  await site.query(
    "server2",
    "select pg_reload_conf()",
    "select pg_sleep(0.2)",
    `select pg_terminate_backend(pid) from pg_stat_replication where application_name = '${standby}'`,
  );
}

export async function untilReplayed(site: RolloutSite, standby: string, primary = "server2"): Promise<void> {
  const sql = `select (replay_lsn >= pg_current_wal_lsn())::text as all from pg_stat_replication where application_name = '${standby}'`;
  await expect.poll(async () => (await site.query(primary, sql))[0]?.all, { timeout: 20_000 }).toBe("true");
}
