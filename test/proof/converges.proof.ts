import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Major } from "../../postgres/versions.js";
import { outcomeOf, rulesFor, settingsFor } from "../support/convergence.js";
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
