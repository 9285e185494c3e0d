import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { handMadeLayouts } from "../support/handMadeLayouts.js";
import { Life } from "../support/life.js";
import { whyNoHosts } from "../support/multihost.js";

/* What continuous integration has time for of `npm run proof -- life`. */

const needs = ["/usr/bin/pg_ctlcluster", "/usr/lib/postgresql/15/bin/postgres", "/lib/systemd/systemd"];
const why = whyNoHosts() ?? needs.flatMap((path) => (existsSync(path) ? [] : [`not installed: ${path}`]))[0];
const made = handMadeLayouts.debian;

describe.skipIf(why !== undefined)(
  `a Debian site made by hand, on hosts of its own${why ? ` (${why})` : ""}`,
  { timeout: 240_000 },
  () => {
    let life: Life;

    beforeAll(async () => {
      life = await Life.begin(made);
      await life.site.up();
    }, 240_000);

    afterAll(() => life?.end(), 60_000);

    it("is restarted by Debian's own unit, though pgsite adds nothing to that, and all tools agree", async () => {
      await life.expectAgreed("writes", "follows");
      life.declare({ settings: { ...life.imported("settings"), max_connections: 40, log_line_prefix: "%m [%p] %b " } });
      await life.site.up();
      expect(await life.site.query("two", "show max_connections")).toBe("40");
      await life.expectAgreed("writes", "follows");
      await life.expectEncrypted();
    });

    it("fails over by the runbook and rejoins, under the name by which it streamed", async () => {
      const runbook = `${made.dataDirectory}.pgsite/runbook`;
      await life.kill("one");
      await life.expectAgreed("is down", "follows");
      await life.sh("two", `${runbook}/failover`, "postgres");
      await life.sh("one", `${runbook}/rejoin two`, "postgres");
      expect(await life.site.query("two", "select application_name from pg_stat_replication")).toBe("one");
      expect(await life.problemsOf("one")).toContain("outsideUnit");
    });

    it("has data seeded anew where they were removed, with Debian's certificate", async () => {
      await life.kill("one");
      await life.sh("one", `rm -rf ${made.dataDirectory}`);
      life.declare({ primary: "two" });
      await life.site.up();
      await life.expectAgreed("follows", "writes");
      await life.expectNoChange();
      await life.expectEncrypted();
    });
  },
);
