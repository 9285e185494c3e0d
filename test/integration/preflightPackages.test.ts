import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HostSpec, RunOptions, RunResult } from "../../hosts/host.js";
import { LocalHost } from "../../hosts/local.js";
import { preflight } from "../../preflight/index.js";
import { installPackages } from "../../preflight/install.js";
import { listOf } from "../../preflight/list.js";
import type { PreflightRequest } from "../../preflight/request.js";
import { triesAll } from "../support/everyRun.js";

/** As root on a Debian, with its package sources in reach. */
const canInstall = userInfo().uid === 0 && existsSync("/usr/bin/apt-get");

/** What an overlay does not bring. */
const kernels = ["proc", "dev"];

let folder: string;
let root: string;

/** This machine's files with a layer over them: what is installed there goes with the layer. */
class LayeredHost extends LocalHost {
  constructor(readonly spec: HostSpec) {
    super(spec.name, "root");
  }
  override run(argv: readonly string[], options?: RunOptions): Promise<RunResult> {
    return super.run(["chroot", `--userspec=${this.spec.user}`, root, ...argv], options);
  }
}

const hostOf = (spec: HostSpec) => new LayeredHost(spec);

const request: PreflightRequest = {
  site: "orders",
  stack: "test",
  version: "15",
  locales: ["C"],
  install: true,
  servers: [
    {
      name: "db1",
      host: { name: "bare", transport: "local", address: "", user: "postgres" },
      address: "127.0.67.2",
      port: 5442,
      dataDirectory: "/var/lib/postgresql/orders",
      controlDirectory: "/var/lib/postgresql/orders.pgsite",
      binDirectory: "/usr/lib/postgresql/15/bin",
      settings: { listen_addresses: "127.0.67.2" },
      disposable: false,
    },
  ],
};

describe.skipIf(!canInstall)("a Debian without PostgreSQL", { timeout: 300_000 }, () => {
  beforeAll(async () => {
    folder = mkdtempSync("/var/tmp/pgsite-layer-");
    const [upper, work] = ["upper", "work"].map((name) => join(folder, name)) as [string, string];
    root = join(folder, "root");
    for (const part of [upper, work, root]) mkdirSync(part, { mode: 0o755 });
    await execa("mount", ["-t", "overlay", "overlay", "-o", `lowerdir=/,upperdir=${upper},workdir=${work}`, root]);
    for (const name of kernels) await execa("mount", ["--bind", `/${name}`, join(root, name)]);
    const bare = `
      export DEBIAN_FRONTEND=noninteractive
      rm -rf /etc/postgresql /var/lib/postgresql
      apt-get -q -y purge postgresql-15 postgresql-common postgresql-client-common rsync
      userdel postgres
      rm -rf /etc/postgresql-common /var/lib/postgresql`;
    const bareHost = hostOf({ name: "bare", transport: "local", address: "", user: "root" });
    await bareHost.run(["sh", "-c", bare], { timeout: 110_000 });
  }, 120_000);

  afterAll(async () => {
    // Where one does not go, this fails before anything below it is removed.
    for (const mount of [...kernels.map((name) => join(root, name)), root]) await execa("umount", [mount]);
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  it("is told what to install", async () => {
    const { findings, packages } = await preflight({ ...request, install: false }, { hostOf });
    expect(packages).toEqual({});
    expect(findings.map(({ severity, message }) => `${severity}: ${message}`)).toEqual([
      "error: bare: there is no OS user postgres: make it (useradd --system --create-home --shell /bin/sh postgres), or name another as osUser",
      expect.stringMatching(
        /^error: db1 on bare: there is no PostgreSQL 15 in \/usr\/lib\/postgresql\/15\/bin: .*postgresql-15/,
      ),
    ]);
  });

  it("gets it from its own package manager, with the OS user and without a cluster", async () => {
    const before = await preflight(request, { hostOf });
    expect(before.findings.filter(({ severity }) => severity === "error")).toEqual([]);
    expect(before.packages).toEqual({ bare: ["postgresql-15", "rsync"] });
    expect(listOf(before, ({ severity }) => severity === "error")?.text).toContain(
      "  the packages postgresql-15 and rsync (no cluster main: create_main_cluster = false, which stays in /etc/postgresql-common/createcluster.conf) on bare, as root\n",
    );
    await installPackages(before, hostOf);
    const after = await preflight({ ...request, install: false }, { hostOf });
    expect(after.findings).toEqual([]);
    const { stdout } = await hostOf({ ...(request.servers[0]?.host as HostSpec), user: "root" }).run([
      "sh",
      "-c",
      "cat /etc/postgresql-common/createcluster.conf; ls /var/lib/postgresql; pg_lsclusters -h",
    ]);
    expect(stdout).toBe("create_main_cluster = false\n");
  });

  it.runIf(triesAll())("writes nothing about clusters where it brings no server", async () => {
    const host = hostOf({ ...(request.servers[0]?.host as HostSpec), user: "root" });
    const file = "/etc/postgresql-common/createcluster.conf";
    await host.run(["sh", "-c", `: >${file}; apt-get -q -y purge rsync`]);
    const report = await preflight(request, { hostOf });
    expect(report.packages).toEqual({ bare: ["rsync"] });
    await installPackages(report, hostOf);
    expect((await host.run(["cat", file])).stdout).toBe("");
  });

  it("says in apt's words what it cannot get", async () => {
    const old: PreflightRequest = {
      ...request,
      version: "9.0",
      servers: request.servers.map((server) => ({ ...server, binDirectory: "/usr/lib/postgresql/9.0/bin" })),
    };
    const report = await preflight(old, { hostOf });
    expect(report.findings.map(({ message }) => message)).toEqual([
      "db1 on bare: the host's package sources, as last read, have no postgresql-9.0: pgsite reads them again before it installs; where that does not help, add the sources of the PostgreSQL project (PGDG)",
    ]);
    await expect(installPackages(report, hostOf)).rejects.toThrow(
      /^postgresql-9\.0 cannot be installed on bare: Unable to locate package postgresql-9\.0/,
    );
  });
});
