import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { allPrograms } from "../../toolchain/clients.mjs";
import { checkout } from "../../toolchain/paths.mjs";
import { LocalSite } from "../support/localSite.js";

/** A stack's only server moves to another path by `pgsite move`; the stack file is changed as it says, and the preview is clean after its `up`. */
const binaries = await allPrograms("15");

describe.skipIf(binaries === undefined).each(["archive", "dump"])(
  "a stack whose one server has moved, by %s",
  (way) => {
    let site: LocalSite;
    beforeAll(async () => {
      // A site of tests has this password.
      const description = { binaries, primary: undefined, standalone: "server2", roles: { replicator: {} } };
      site = await LocalSite.make({ major: "15", block: 252, servers: ["server2"], description });
      await site.up();
    }, 180_000);
    afterAll(() => site?.remove());

    const pgsite = async (...args: readonly string[]) => {
      const { program, env } = site.sandbox;
      const options = { cwd: program, env, extendEnv: false, reject: false, timeout: 120_000 } as const;
      const { stdout, stderr, exitCode } = await execa(
        process.execPath,
        [join(checkout, "dist/pgsite.js"), ...args, "--stack", "site"],
        options,
      );
      return { said: `${stdout}${stderr}`, exitCode };
    };

    it("is as declared again", { timeout: 300_000 }, async () => {
      await site.query("server2", "create table t as select generate_series(1, 100) n");
      const to = join(site.folder, "elsewhere", "data");
      const asked = ["move", "server2", "--data-directory", to, "--way", way];
      const dry = await pgsite(...asked, "--dry-run");
      expect(dry, dry.said).toMatchObject({ exitCode: 0 });
      expect(dry.said).toContain(`pgsite:servers.server2.dataDirectory: ${site.dataDirectory("server2")} → ${to}`);
      const moved = await pgsite(...asked, "--yes");
      expect(moved, moved.said).toMatchObject({ exitCode: 0 });
      // Before any `up`: it would start at its new place, and runs there already.
      const guard = await execa(join(`${to}.pgsite`, "runbook", "guard"), ["--dry-run"], { reject: false });
      expect([guard.exitCode, guard.stderr]).toEqual([3, expect.stringMatching(/it runs already: .*elsewhere/)]);
      const files = readdirSync(join(`${to}.pgsite`, "runbook")).sort();
      expect([existsSync(to), existsSync(site.dataDirectory("server2"))]).toEqual([true, false]);
      site.declare({ servers: { server2: { dataDirectory: to } } });
      const status = await pgsite("move", "status", "server2");
      expect(status.said).toContain("pgsite move commit");
      await site.up();
      expect(readdirSync(join(`${to}.pgsite`, "runbook")).sort()).toEqual(files);
      expect(await site.query("server2", "select count(*)::text as n from t")).toEqual([{ n: "100" }]);
      const committed = await pgsite("move", "commit", "server2", "--yes");
      expect(committed, committed.said).toMatchObject({ exitCode: 0 });
      const preview = await site.preview();
      expect(preview).toMatch(/\d+ unchanged/);
      expect(preview).not.toMatch(/to (create|update|delete|replace)/);
      expect((await pgsite("drift")).exitCode).toBe(0);
    });
  },
);
