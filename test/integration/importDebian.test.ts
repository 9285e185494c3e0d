import { execFile } from "node:child_process";
import { appendFileSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkout } from "../../toolchain/paths.mjs";
import { DebianPair, noDebian } from "../support/debianPair.js";
import { PulumiSandbox } from "../support/pulumi.js";

const run = promisify(execFile);
const block = 107;

describe.skipIf(noDebian() !== undefined)("clusters of Debian's, made by hand", { timeout: 120_000 }, () => {
  let pair: DebianPair;
  let sandbox: PulumiSandbox;

  beforeAll(async () => {
    [pair, sandbox] = await Promise.all([DebianPair.make(block), project()]);
  }, 90_000);

  afterAll(async () => {
    await sandbox?.remove();
    await pair?.close();
  });

  const stackFile = () => join(sandbox.program, "Pulumi.orders.yaml");
  const file = (name: string) => readFileSync(join(pair.primary.configuration, name), "utf8");
  const pgsiteImport = async (...more: readonly string[]) => {
    const places = [pair.primary, pair.standby].flatMap(({ address, dataDirectory }, index) => [
      "--host",
      `db${index + 1}=${address}`,
      "--data-directory",
      dataDirectory,
    ]);
    const args = [join(checkout, "dist/pgsite.js"), "import", ...places, "--stack", "orders", ...more];
    const { stdout } = await run(process.execPath, args, {
      cwd: sandbox.program,
      // The OS user is let in by peer: no password of the administrator's is needed.
      env: { ...sandbox.env, HOME: sandbox.program },
    });
    return stdout;
  };
  const noChange = async () => {
    const preview = await sandbox.run(["preview", "--diff", "--expect-no-changes", "--stack", "orders"]);
    expect(preview.code, preview.stdout + preview.stderr).toBe(0);
    return preview.stdout + preview.stderr;
  };
  const one = "db1";
  /** Restore points that a proof writes, by what the primary logs of them. */
  const proofs = () =>
    readFileSync(`/var/log/postgresql/postgresql-15-${pair.primary.cluster}.log`, "utf8").match(/pgsite proof/g)
      ?.length ?? 0;

  it("are adopted as they are: the first preview shows no difference, and the standby was proven", async () => {
    const said = await pgsiteImport("--adopt");
    expect(said).toContain("The password of postgres cannot be read from a server: give the one that it has.");
    const text = readFileSync(stackFile(), "utf8");
    for (const line of [
      "pgsite:layout: debian",
      `dataDirectory: ${pair.primary.dataDirectory}`,
      "work_mem: 8MB # conf.d/10-memory.conf line 2",
      "log_min_duration_statement: 250ms # conf.d/20-other.conf line 1",
      `applicationName: 15/${pair.standby.cluster}`,
      "conf.d/10-memory.conf:",
      "pgsite:service: { manager: none }",
    ]) {
      expect(text).toContain(line);
    }
    expect(text).not.toContain("configurationDirectory");
    expect(text).not.toContain("binaries");
    expect(said).toContain(`postgresql@15-${pair.primary.cluster}.service, its distribution's`);
    await sandbox.must(["stack", "init", "orders"]);
    const passwords = [`password-postgres=${pair.password}`, `password-repl=${pair.replicationPassword}`];
    const given = passwords.flatMap((one) => ["--secret", `pgsite:${one}`]);
    await sandbox.must(["config", "set-all", "--stack", "orders", ...given]);
    const before = [file("postgresql.conf"), file("conf.d/10-memory.conf"), file("pg_hba.conf"), proofs()];
    await sandbox.must(["up", "--yes", "--skip-preview", "--stack", "orders"]);
    await noChange();
    expect([file("postgresql.conf"), file("conf.d/10-memory.conf"), file("pg_hba.conf")]).toEqual(before.slice(0, 3));
    // One for each server.
    expect(proofs() - Number(before[3])).toBeGreaterThanOrEqual(2);
  });

  it("show what is put into conf.d from then on", async () => {
    const path = join(pair.primary.configuration, "conf.d/99-hand.conf");
    writeFileSync(path, "random_page_cost = 1.5\n");
    await pair.query(pair.primary, "select pg_reload_conf()");
    expect((await sandbox.must(["preview", "--stack", "orders"])).stdout).toContain(
      `${one}: conf.d/99-hand.conf line 1 random_page_cost is 1.5, declared unset (4): reload`,
    );
    await run("rm", [path]);
  });

  it("keep each setting in its file, and nothing there overrides what is declared", async () => {
    const text = readFileSync(stackFile(), "utf8");
    const changed = text
      .replace(/work_mem: 8MB #.*/, "work_mem: 12MB")
      .replace("  pgsite:settings:\n", "  pgsite:settings:\n    maintenance_work_mem: 48MB\n");
    writeFileSync(stackFile(), changed);
    await sandbox.must(["up", "--yes", "--skip-preview", "--stack", "orders"]);
    for (const server of [pair.primary, pair.standby]) {
      expect(await pair.query(server, "show work_mem")).toBe("12MB");
      expect(await pair.query(server, "show maintenance_work_mem")).toBe("48MB");
    }
    expect(file("conf.d/10-memory.conf")).toContain("work_mem = '12MB'");
    expect(file("postgresql.conf")).toContain("include = 'conf.d/10-memory.conf'");
    expect(file("postgresql.conf")).not.toContain("work_mem = '12MB'");
    expect(await pair.query(pair.primary, "select application_name from pg_stat_replication")).toBe(
      `15/${pair.standby.cluster}`,
    );
    appendFileSync(join(pair.primary.configuration, "conf.d/10-memory.conf"), "work_mem = 1MB\n");
    writeFileSync(join(pair.primary.configuration, "conf.d/99-hand.conf"), "# mine\nrandom_page_cost = 1.5\n");
    const said = (await sandbox.must(["up", "--yes", "--skip-preview", "--stack", "orders"])).stdout;
    expect(said).toMatch(/conf\.d\/10-memory\.conf line \d+ work_mem/);
    // What nothing includes is nobody's to undo: said as long as it is there.
    const ignored = `${one}: conf.d/99-hand.conf line 2 random_page_cost is 1.5 and not read`;
    expect(said).toContain(ignored);
    expect(await noChange()).toContain(ignored);
    expect(await pair.query(pair.primary, "show work_mem")).toBe("12MB");
  });

  it("are known to Debian's tools as before", async () => {
    const { stdout } = await run("pg_lsclusters", ["-h"]);
    for (const { cluster, port, dataDirectory } of [pair.primary, pair.standby]) {
      expect(stdout).toMatch(new RegExp(`^15 +${cluster} +${port} +online\\S* +postgres +${dataDirectory} `, "m"));
    }
  });
});

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
