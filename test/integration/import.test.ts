import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseDocument } from "yaml";
import type { Major } from "../../postgres/versions.js";
import { checkout } from "../../toolchain/paths.mjs";
import { triedAt } from "../support/everyRun.js";
import { HandMadeSite } from "../support/handMade.js";
import { PulumiSandbox } from "../support/pulumi.js";
import { ranAt } from "../support/ran.js";

const run = promisify(execFile);

for (const [index, major] of triedAt<Major>(["15", "11"], "15").entries()) {
  const block = 92 + index;
  describe(`a primary and a standby made by hand at ${major}`, { timeout: 120_000 }, () => {
    let site: HandMadeSite;
    let sandbox: PulumiSandbox;
    let before: Record<string, unknown>;

    beforeAll(async () => {
      [site, sandbox] = await Promise.all([
        HandMadeSite.make(major, [`127.0.${block}.2`, `127.0.${block}.3`]),
        project(),
      ]);
      before = await site.snapshot();
    }, 90_000);

    afterAll(async () => {
      await sandbox?.remove();
      await site?.close();
    });

    const stackFile = () => join(sandbox.program, "Pulumi.orders.yaml");
    const pgsiteImport = async (...more: readonly string[]) => {
      const places = [site.primary, site.standby].flatMap(({ name, address, dataDirectory }) => [
        "--host",
        `${name}=${address}`,
        "--data-directory",
        dataDirectory,
      ]);
      const args = [join(checkout, "dist/pgsite.js"), "import", ...places, "--stack", "orders", ...more];
      const { stdout } = await run(process.execPath, args, {
        cwd: sandbox.program,
        env: { ...sandbox.env, PGPASSWORD: site.administratorPassword },
      });
      return stdout;
    };

    it("is described without a byte being written anywhere", async () => {
      const said = await pgsiteImport();
      const { has } = site;
      for (const line of [
        "pgsite:primary: alpha",
        has.alterSystem ? "work_mem: 12MB # by ALTER SYSTEM" : "work_mem: 8MB",
        "log_min_duration_statement: 250ms # site.conf",
        "max_connections: 30",
        "pgsite:replicationRole: repl",
        "host all all 127.0.0.0/8 md5",
        "readers: { login: false }",
        `second_dba: { superuser: true${has.superusersReplicate ? ", replication: true" : ""} }`,
        'settings: { search_path: "science, public" }, databaseSettings: { science: { work_mem: 20MB } } }',
        "science: { owner: app, schemas: { archive: { owner: second_dba }, science: {} }, settings: { TimeZone: UTC } }",
        ...(has.slots ? ["- backup_tool"] : []),
        "pgsite:service: { manager: none }",
        "alpha: no service starts it with its machine",
        "Nothing was written.",
        "pg_hba.conf: 0640",
      ]) {
        expect(said).toContain(line);
      }
      expectNoSecret(said);
      const data = JSON.parse(await pgsiteImport("--json"));
      expect(said.startsWith(data.stackFile)).toBe(true);
      expect(data.otherJobs.map(({ host }: { host: string }) => host)).toEqual(["alpha", "beta"]);
      expectNoSecret(JSON.stringify(data));
      if (has.passphrase) expect(said).toContain('ssl_passphrase_command: "********"');
      expect(said).toMatch(/radiussecrets?=\*{8}/);
      if (!has.signals) {
        expect(said).toContain(
          "beta: primary_conninfo in recovery.conf has a password, which is not in the stack file: give it with pulumi config set --secret password-repl",
        );
      }
      expect(existsSync(stackFile())).toBe(false);
      expect(readdirSync(join(site.folder, "alpha"))).not.toContain("pgdata.pgsite");
      expect(await site.snapshot()).toEqual(before);
    });

    function expectNoSecret(text: string): void {
      const secrets = [site.administratorPassword, site.replicationPassword, site.passphrase, site.radiusSecret];
      for (const secret of secrets) expect(text).not.toContain(secret);
    }

    /** What the import says is to be set, set: until then no preview takes a mask for a secret. */
    async function setSecrets(said: string): Promise<void> {
      const places = [...said.matchAll(/pulumi config set --secret --path '([^']+)' --stack orders/g)].map(
        ([, one]) => one ?? "",
      );
      const passphrase = site.has.passphrase ? ["settings.ssl_passphrase_command"] : [];
      expect(places).toEqual([...passphrase, expect.stringMatching(/^access\[\d+\]$/)]);
      const refused = await sandbox.run(["preview", "--stack", "orders"]);
      expect(refused.stdout + refused.stderr).toContain(`${places[0]}: has ******** where a secret belongs`);
      const document = parseDocument(readFileSync(stackFile(), "utf8"));
      for (const place of places) {
        const [key = "", inner = ""] = place.split(/[.[\]]/);
        const masked = document.getIn([
          "config",
          `pgsite:${key}`,
          /^\d+$/.test(inner) ? Number(inner) : inner,
        ]) as string;
        const secret = key === "access" ? site.radiusSecret : `echo ${site.passphrase}`;
        const args = ["config", "set", "--secret", "--path", place, "--stack", "orders"];
        await sandbox.must(args, { input: masked.replace("********", secret) });
      }
      expectNoSecret(readFileSync(stackFile(), "utf8"));
    }

    /** A stack that was written by hand over these servers leaves out what it does not know: said before it is undone. */
    async function expectResetsSaid(): Promise<void> {
      const text = readFileSync(stackFile(), "utf8");
      const shorter = parseDocument(text);
      shorter.deleteIn(["config", "pgsite:databases", "science", "settings"]);
      shorter.deleteIn(["config", "pgsite:databases", "science", "schemas"]);
      shorter.deleteIn(["config", "pgsite:roles", "second_dba"]);
      writeFileSync(stackFile(), `${shorter}`);
      const said = (await sandbox.must(["preview", "--stack", "orders"])).stdout;
      for (const line of [
        "role second_dba is a superuser, declared nowhere: SQL",
        "TimeZone of database science is UTC, declared unset: SQL",
      ]) {
        expect(said).toContain(line);
      }
      expect(await site.snapshot()).toEqual(before);
      writeFileSync(stackFile(), text);
      expect((await sandbox.must(["preview", "--stack", "orders"])).stdout).not.toMatch(/: SQL$/m);
    }

    it("is adopted: the first preview shows no difference, and nothing on the servers has changed", async () => {
      const said = await pgsiteImport("--adopt");
      expect(said).toContain("pulumi config set --secret password-repl --stack orders");
      await sandbox.must(["stack", "init", "orders"]);
      const passwords = [
        `password-postgres=${site.administratorPassword}`,
        `password-repl=${site.replicationPassword}`,
      ];
      await sandbox.must([
        "config",
        "set-all",
        "--stack",
        "orders",
        ...passwords.flatMap((one) => ["--secret", `pgsite:${one}`]),
      ]);
      await setSecrets(said);
      await expectResetsSaid();
      await sandbox.must(["up", "--yes", "--skip-preview", "--stack", "orders"]);
      const preview = await sandbox.run(["preview", "--diff", "--expect-no-changes", "--stack", "orders"]);
      expect(preview.code, preview.stdout + preview.stderr).toBe(0);
      expectNoSecret((await sandbox.must(["stack", "export", "--stack", "orders"])).stdout + preview.stdout);
      expect(await site.snapshot()).toEqual(before);
      await ranAt(major, "import");
    });

    it.runIf(major === "15")("shows what a hand changes from then on", async () => {
      await site.query(site.primary, "alter system set random_page_cost = 1.5", "select pg_reload_conf()");
      const said = (await sandbox.must(["preview", "--diff", "--stack", "orders"])).stdout;
      expect(said).toContain("random_page_cost");
      await site.query(site.primary, "alter system reset random_page_cost", "select pg_reload_conf()");
      await sandbox.must(["preview", "--expect-no-changes", "--stack", "orders"]);
    });

    it("is managed: a changed setting comes into force, and nothing else changes", async () => {
      const text = readFileSync(stackFile(), "utf8");
      writeFileSync(stackFile(), text.replace(/work_mem: (12MB # by ALTER SYSTEM|8MB\b)/, "work_mem: 24MB"));
      await sandbox.must(["up", "--yes", "--skip-preview", "--stack", "orders"]);
      for (const server of [site.primary, site.standby]) {
        expect(await site.query(server, "show work_mem")).toEqual([{ work_mem: "24MB" }]);
        expect(await site.query(server, "show log_autovacuum_min_duration")).toEqual([
          { log_autovacuum_min_duration: "2s" },
        ]);
      }
      const after = await site.snapshot();
      for (const same of ["started", "roles", "sessionSettings", "slots", "databases", "rows"])
        expect(after[same]).toEqual(before[same]);
      const hba = join(site.primary.dataDirectory, "pg_hba.conf");
      expect((after.files as Record<string, unknown>)[hba]).toEqual((before.files as Record<string, unknown>)[hba]);
      const kept = join(`${site.primary.dataDirectory}.pgsite`, "adopted", "postgresql.conf");
      expect(readFileSync(kept, "utf8")).toContain("# --- ours, since 2016 ---");
      const preview = await sandbox.run(["preview", "--diff", "--expect-no-changes", "--stack", "orders"]);
      expect(preview.code, preview.stdout + preview.stderr).toBe(0);
    });
  });
}

/** An empty project of pgsite's, as a checkout is one. */
async function project(): Promise<PulumiSandbox> {
  const [sandbox] = await Promise.all([
    PulumiSandbox.make(),
    run(process.execPath, [join(checkout, "toolchain/build.mjs")]),
  ]);
  symlinkSync(join(checkout, "dist"), join(sandbox.program, "dist"));
  sandbox.write({ "Pulumi.yaml": readFileSync(join(checkout, "Pulumi.yaml"), "utf8") });
  return sandbox;
}
