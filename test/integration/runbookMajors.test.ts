import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { resolveStack } from "../../config/resolve.js";
import type { Server } from "../../config/site.js";
import { hostOf } from "../../hosts/index.js";
import { runbookFacts } from "../../installed/runbook/facts.js";
import { installRunbook } from "../../installed/runbook/install.js";
import { runbookFolder } from "../../installed/runbook/render.js";
import type { Major } from "../../postgres/versions.js";
import { startServer } from "../../servers/process/process.js";
import { triedAt } from "../support/everyRun.js";
import { ranAt } from "../support/ran.js";
import { quick, type RolloutDeclaration, RolloutSite } from "../support/rolloutSite.js";
import { declaredFiles } from "../support/siteRunbook.js";

/** npm's programs have no psql: Debian's, or whichever is in PATH, asks. */
const psql = (() => {
  try {
    return execFileSync("sh", ["-c", "command -v psql"], { encoding: "utf8" }).trim();
  } catch {
    return undefined;
  }
})();

const servers = (major: Major): RolloutDeclaration["servers"] => ({
  server2: { dataDirectory: "/raid2/it's db" },
  server3: {
    dataDirectory: "/raid3/it's db",
    // Warm at one version, promoted by its trigger file at another.
    settings: major === "11" ? { trigger_file: "/raid3/failover" } : major === "10" ? { hot_standby: "off" } : {},
  },
  des10: { dataDirectory: "/raid1/db", role: "mirror" },
});

const majors = [
  ["10", 172],
  ["11", 173],
  ["13", 174],
  ["18", 175],
] as const;

for (const [major, block] of triedAt(majors, "10", "18")) {
  describe.skipIf(psql === undefined)(
    `the runbook at ${major}${psql === undefined ? " (no psql in PATH)" : ""}`,
    { timeout: 90_000 },
    () => {
      let site: RolloutSite;
      const declaration: RolloutDeclaration = { settings: quick, servers: servers(major) };

      beforeAll(async () => {
        site = await RolloutSite.make(major, block, declaration);
        const { stack } = resolveStack("test", {
          ...site.raw,
          "pgsite:settings": JSON.stringify(declaration.settings),
          "pgsite:servers": JSON.stringify(declaration.servers),
        });
        for (const server of site.site.servers) {
          const facts = stack === undefined ? undefined : runbookFacts(server, stack.inputs[server.name] as never);
          if (facts === undefined) throw new Error(`${server.name} has no runbook`);
          await installRunbook(hostOf(server.host), facts);
        }
      }, 90_000);

      afterAll(async () => {
        await site?.close();
      }, 60_000);

      const run = async (name: string, script: string, ...words: readonly string[]) => {
        const { host: spec, controlDirectory } = site.server(name);
        const argv = [join(runbookFolder(controlDirectory), script), ...words];
        const { code, stdout, stderr } = await hostOf(spec).run(argv, { timeout: 120_000 });
        return { code, said: `${stdout}${stderr}` };
      };
      const dry = async (name: string, script: string, ...words: readonly string[]) => {
        const before = declaredFiles(site);
        const done = await run(name, script, "--dry-run", ...words);
        expect(declaredFiles(site)).toEqual(before);
        return done;
      };
      const rows = async (server: string) =>
        (await site.query(server, "select string_agg(word, ' ' order by word) as words from written"))[0]?.words;

      it("refuses to fail over from a primary that answers", async () => {
        await site.query("server2", "create table written (word text)", "insert into written values ('before')");
        const { code, said } = await run("server3", "failover");
        expect(said).toMatch(
          /^failover: refused: server2 \(127\.0\.\d+\.\d+:5432\) answers\. A living primary is handed over by a switchover: declare pgsite:primary: server3, and pulumi up/m,
        );
        expect(code).toBe(3);
      });

      it("fails over, by hand, when it is gone", async () => {
        await site.stop("server2");
        const rehearsed = await dry("server3", "failover");
        expect(rehearsed.said).toContain("would promote server3");
        expect(rehearsed.code).toBe(0);
        const { code, said } = await run("server3", "failover");
        expect(said).toMatch(/server2 \(\S+\) does not answer: .*efused/);
        expect(said).toContain('its stream was ended by the other end: "');
        expect(said).toContain("server3 takes writes, on timeline 2");
        expect(said).toContain("pgsite:primary: server3");
        expect(code).toBe(0);
        await site.query("server3", "insert into written values ('failed over')");
      });

      it("repoints the mirror", async () => {
        const rehearsed = await dry("des10", "repoint", "server3");
        expect(rehearsed).toEqual({ code: 0, said: expect.stringContaining("would have des10 follow server3") });
        const { code, said } = await run("des10", "repoint", "server3");
        expect(said).toContain("des10 streams from server3");
        expect(code).toBe(0);
        expect(await run("des10", "repoint", "server3")).toEqual({
          code: 0,
          said: "des10 streams from server3 already\n",
        });
      });

      it("does not let the old primary start as one", async () => {
        const { code, said } = await run("server2", "guard");
        expect(said).toMatch(
          /^server2 does not start: (server3|des10) \(\S+\) is on timeline 2 and this data on 1: it was superseded; make it a standby: pulumi up, or .*\/runbook\/rejoin NAME/,
        );
        expect(code).toBe(3);
        const { controlDirectory } = site.server("server2");
        expect(readFileSync(join(controlDirectory, "start.log"), "utf8")).toContain(said);
        await expect(startServer(hostOf(site.server("server2").host), site.server("server2"))).rejects.toThrow(
          /^server2 does not start: (server3|des10) \(\S+\) is on timeline 2 and this data on 1: it was superseded/,
        );
      });

      it("has it rejoin, without a copy where it had nothing of its own", async () => {
        const rehearsed = await dry("server2", "rejoin", "server3");
        expect(rehearsed).toEqual({
          code: 0,
          said: expect.stringContaining("would make server2 a standby of server3"),
        });
        const { code, said } = await run("server2", "rejoin", "server3");
        expect(said).toMatch(/^server2 streams from server3$/m);
        expect(code).toBe(0);
        expect(readdirSync(join(site.server("server2").dataDirectory, "..")).join(" ")).not.toContain("diverged");
      });

      it("leaves the files that pgsite declares: adopting it changes nothing", async () => {
        site.declare({ ...declaration, primary: "server3" });
        for (const { name, dataDirectory, files: declared } of site.site.servers) {
          const found = Object.fromEntries(
            Object.keys(declared).map((file) => [file, textOf({ dataDirectory }, file)] as const),
          );
          expect(found, name).toEqual(declared);
        }
        expect(await site.preview()).toEqual([]);
        const before = declaredFiles(site);
        await site.up();
        expect(declaredFiles(site)).toEqual(before);
        expect(await rows("server3")).toBe("before failed over");
        expect(await rows("des10")).toBe("before failed over");
        const streams = await site.query(
          "server3",
          "select string_agg(application_name, ' ' order by application_name) as names from pg_stat_replication where state = 'streaming'",
        );
        expect(streams[0]?.names).toBe("des10 server2");
        await ranAt(major, "runbook");
      });
    },
  );
}

function textOf({ dataDirectory }: Pick<Server, "dataDirectory">, file: string): string | null {
  const path = join(dataDirectory, file);
  return existsSync(path) ? readFileSync(path, "utf8") : null;
}
