import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Major } from "../../postgres/versions.js";
import { outcomeOf, rulesFor, settingsFor } from "../support/convergence.js";
import { describeConvergence } from "../support/convergenceRows.js";
import { LocalSite } from "../support/localSite.js";
import { quick, RolloutSite } from "../support/rolloutSite.js";
import "../support/seed.js";

const servers = { db1: { dataDirectory: "/data/db1" }, db2: { dataDirectory: "/data/db2" } };
/** Declarations that each version is given, one after the other. */
const declarations = Number(process.env.DECLARATIONS ?? 40);

describe.each((process.env.MAJORS ?? "11 15 18").split(" ") as Major[])("at PostgreSQL %s", (major) => {
  let site: RolloutSite;
  beforeAll(async () => {
    site = await RolloutSite.make(major, 137, { settings: quick, servers });
  }, 120_000);
  afterAll(() => site?.close(), 60_000);

  test("every declaration converges, or the up names what cannot be", async () => {
    const counted = { converged: 0, "refused beforehand": 0, named: 0 };
    const given = fc.sample(fc.tuple(settingsFor(major), rulesFor(major)), declarations);
    for (const [settings, access] of given) {
      const { said, why } = await outcomeOf(site, {
        settings: { ...quick, ...settings },
        servers: { ...servers, db1: { ...servers.db1, access } },
      });
      counted[said] += 1;
      if (why !== undefined) console.log(`${major} ${said}: ${why.slice(0, 400)}`);
    }
    console.log(major, JSON.stringify(counted));
    expect(counted.converged).toBeGreaterThan(declarations / 3);
  });
});

for (const major of ["11", "18"] as const) describeConvergence(major, 137);

/** The shapes in which people write values in YAML, by the real program. */
describe("a stack file with values in many shapes", () => {
  let real: LocalSite;
  beforeAll(async () => {
    real = await LocalSite.make({ major: "15", block: 136, servers: ["db1"] });
  }, 120_000);
  afterAll(() => real?.remove(), 60_000);

  test("is brought about in one up, after which a preview finds nothing", async () => {
    const settings = {
      shared_preload_libraries: ["pg_stat_statements", "auto_explain"],
      "pg_stat_statements.max": "5000",
      "pg_stat_statements.save": false,
      "auto_explain.log_min_duration": "1s",
      DateStyle: ["ISO", "DMY"],
      search_path: ["app", "public"],
      work_mem: "0.5GB",
      maintenance_work_mem: "1024MB",
      autovacuum: "yes",
      log_checkpoints: "tru",
      statement_timeout: "120 s",
      deadlock_timeout: 2000,
      random_page_cost: "1.10",
      log_lock_waits: true,
      effective_cache_size: "0x10000",
    };
    const access = ["hostssl app app 192.0.2.0/24 scram-sha-256", "hostgssenc app app 192.0.2.0/24 md5"];
    real.declare({ settings, access });
    await real.up();
    await real.preview(["--expect-no-changes"]);
    real.declare({
      settings: { ...settings, "pg_stat_statements.max": 6000, work_mem: "524288kB", log_checkpoints: true },
      access,
    });
    await real.up();
    await real.preview(["--expect-no-changes"]);
    real.declare({
      settings: { ...settings, "pg_stat_statements.max": 6000, "pg_stat_statements.track": "everything" },
      access,
    });
    const refused =
      /track has a value that will not do; allowed: none, top, all|would not start with what it is to get: .*pg_stat_statements\.track/;
    expect(await real.failing("up")).toMatch(refused);
    expect(await real.preview()).toMatch(refused);
    real.declare({ settings, access });
    await real.up();
    await real.preview(["--expect-no-changes"]);
  });
});
