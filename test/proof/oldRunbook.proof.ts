import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { majorOf, type Major } from "../../postgres/versions.js";
import { quick, RolloutSite, type RolloutDeclaration } from "../support/rolloutSite.js";
import { installRunbooks, runScript } from "../support/siteRunbook.js";

const root = process.env.PGSITE_OLD_SERVERS ?? "/var/tmp/oldpg/bin";
const only = process.env.ONLY ?? "9.2.24";
for (const version of readdirSync(root).filter((v) => v === only)) {
  const major = majorOf(version) as Major;
  describe(`by hand at ${version}`, { timeout: 200_000 }, () => {
    let site: RolloutSite;
    const { wal_retrieve_retry_interval: _1, max_replication_slots: _2, ...rest } = quick;
    const declaration: RolloutDeclaration = {
      settings: rest,
      servers: {
        server2: { dataDirectory: "/raid2/sispi_db" },
        server3: { dataDirectory: "/raid3/sispi_db", settings: { trigger_file: "/raid3/failover_trigger", hot_standby: "off" } },
        des10: { dataDirectory: "/raid1/db", role: "mirror", settings: { hot_standby: "on" } },
      },
    };
    beforeAll(async () => {
      site = await RolloutSite.make(major, 250, declaration, join(root, version, "bin"));
      await installRunbooks(site, declaration);
    }, 200_000);
    afterAll(async () => {
      if (process.env.KEEP) { console.log(site?.folder); return; }
      await site?.close();
    });
    const run = async (...words: [string, string, ...string[]]) => {
      const r = await runScript(site, ...words);
      console.log(words.join(" "), r.code, "\n" + r.said);
      return r;
    };
    it("night", async () => {
      await site.query("server2", "create table written (word text)", "insert into written values ('before')");
      if (process.env.KEEP === "early") return;
      await run("server3", "failover", "--dry-run");
      await run("server2", "guard", "--ask");
      await new Promise((r) => setTimeout(r, 500));
      await site.stop("server2", "immediate");
      await run("server2", "guard");
      await run("server3", "failover", "--dry-run");
      await run("server3", "failover");
      await run("des10", "repoint", "--dry-run", "server3");
      await run("des10", "repoint", "server3");
      await run("server2", "guard");
      await run("des10", "rejoin", "--dry-run", "server3");
      await run("des10", "rejoin", "server3");
      await run("server2", "rejoin", "--dry-run", "server3");
      await run("server2", "rejoin", "server3");
      site.declare({ ...declaration, primary: "server3" });
      console.log(await site.preview());
    });
  });
}
