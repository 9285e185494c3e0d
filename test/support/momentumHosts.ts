import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { parseDocument } from "yaml";
import { allPrograms } from "../../toolchain/clients.mjs";
import { checkout } from "../../toolchain/paths.mjs";
import { bundled } from "./bundled.js";
import { type HostMachine, type MultiHost, multiHost, type Result, whyNoHosts } from "./multihost.js";
import { type PulumiResult, PulumiSandbox } from "./pulumi.js";
import type { Change } from "./remoteSite.js";
import { stackText } from "./stackText.js";

export const [of17, of18] = await Promise.all([allPrograms("17"), allPrograms("18")]);

/** Why a test can have no such site here; undefined where it can. */
export function whyNoMomentum(more: readonly string[] = []): string | undefined {
  const no = whyNoHosts(["/usr/sbin/cron", ...more]);
  return (
    no ?? (of17 === undefined || of18 === undefined ? "no programs of PostgreSQL 17 and 18 can be had" : undefined)
  );
}

export const data = "/var/db/msyspg";
export const control = `${data}.pgsite`;
const service = "/etc/init.d/msyspg";
/** Where the guide has the programs; and where an administrator puts those of another version. */
const folders = { "17": "/opt/msys/3rdParty", "18": "/opt/msys/3rdParty18" } as const;
export type Version = keyof typeof folders;
export const binaries = (version: Version) => `${folders[version]}/bin`;

const stack = "momentum";

export interface Written {
  readonly acknowledged: readonly number[];
  /** Milliseconds. */
  readonly longestGap: number;
}

export interface MomentumOptions {
  readonly init?: "sysv" | "systemd";
  /** Changes to the committed stack file, beyond what any test must replace. */
  readonly changes?: readonly Change[];
}

/**
 * The committed stack `momentum` on a host of its own that is reached by SSH from a machine which the site does not know, with the
 * guide's paths and its OS user msyspg. A second host, `mta`, is a client of the database: nothing is declared on it.
 */
export class MomentumHosts {
  readonly passwords = { msyspg: `zq${randomBytes(6).toString("hex")}`, ecuser: `zq${randomBytes(6).toString("hex")}` };
  #writer: { readonly child: ChildProcess; readonly ended: Promise<number | null> } | undefined;
  #kept: { version: Version; changes: readonly Change[] } = { version: "17", changes: [] };

  private constructor(
    readonly net: MultiHost,
    readonly sandbox: PulumiSandbox,
    readonly init: "sysv" | "systemd",
    private readonly options: MomentumOptions,
    private readonly folder: string,
  ) {}

  static async make(options: MomentumOptions = {}): Promise<MomentumHosts> {
    const { init = "sysv" } = options;
    await promisify(execFile)(process.execPath, [join(checkout, "toolchain", "build.mjs")]);
    const [net, sandbox] = await Promise.all([multiHost([stack, "mta"], { init }), PulumiSandbox.make()]);
    const site = new MomentumHosts(net, sandbox, init, options, mkdtempSync("/tmp/pgsite-momentum-"));
    try {
      await Promise.all(net.hosts.map((host) => site.#install(host)));
      await site.#makeProject();
      return site;
    } catch (error) {
      await site.remove();
      throw error;
    }
  }

  get host(): HostMachine {
    return this.net.host(stack);
  }

  get mta(): HostMachine {
    return this.net.host("mta");
  }

  /** The stack file says this version, and these changes beyond those of the site. */
  declare(version: Version, ...changes: readonly Change[]): void {
    this.#kept = { version, changes };
    const path = join(this.sandbox.program, `Pulumi.${stack}.yaml`);
    const before = existsSync(path) ? parseDocument(readFileSync(path, "utf8")) : undefined;
    const text = stackText(stack, { '"9.0.4"': `"${version}"`, "/opt/msys/3rdParty/bin": binaries(version) });
    const document = parseDocument(text);
    const set = (keys: readonly string[], value: unknown) => {
      const [first = "", ...rest] = keys;
      const key = ["config", `pgsite:${first}`, ...rest];
      if (value === undefined) document.deleteIn(key);
      else document.setIn(key, value);
    };
    set(["hosts", stack], this.host.address);
    // The disks of a test's hosts are small, and nobody there hears of anything.
    set(["expectedGrowth", "perDay"], "1MB");
    for (const key of ["watch", "mail"]) set([key], undefined);
    document.addIn(["config", "pgsite:access"], `host ecelerity ecuser ${this.mta.address}/32 md5`);
    for (const [keys, value] of [...(this.options.changes ?? []), ...changes]) set(keys, value);
    if (before !== undefined) {
      document.set("encryptionsalt", before.get("encryptionsalt"));
      const { config = {} } = before.toJS() as { config?: Readonly<Record<string, unknown>> };
      for (const [key, value] of Object.entries(config)) {
        if (key.startsWith("pgsite:password-")) document.setIn(["config", key], value);
      }
    }
    this.sandbox.write({ [`Pulumi.${stack}.yaml`]: document.toString() });
  }

  /** The same version, with other changes. */
  alter(...changes: readonly Change[]): void {
    this.declare(this.#kept.version, ...this.#kept.changes, ...changes);
  }

  async pulumi(...args: readonly string[]): Promise<PulumiResult & { readonly said: string }> {
    const { control: machine } = this.net;
    const run = this.sandbox.start([...args, "--stack", stack], { control: machine, seconds: 400 });
    const result = await run.finished;
    return { ...result, said: `${result.stdout}${result.stderr}` };
  }

  /** @throws where it fails */
  async must(...args: readonly string[]): Promise<string> {
    const { code, said } = await this.pulumi(...args);
    if (code !== 0) throw new Error(`pulumi ${args.join(" ")} ended with status ${code}:\n${said}`);
    return said;
  }

  up(): Promise<string> {
    return this.must("up", "--yes", "--skip-preview");
  }

  preview(): Promise<string> {
    return this.must("preview", "--diff");
  }

  /** `pgsite ARGUMENTS`, as a user runs it on the machine that runs Pulumi. */
  async pgsite(...args: readonly string[]): Promise<Result & { readonly said: string }> {
    const { program, env } = this.sandbox;
    const argv = [process.execPath, join(checkout, "dist", "pgsite.js"), ...args, "--stack", stack];
    const result = await this.net.control.run(argv, { cwd: program, env: { ...env }, seconds: 300 });
    return { ...result, said: `${result.stdout}${result.stderr}` };
  }

  /** What root's shell prints on a host. @throws where it fails */
  shell(script: string, host = this.host): Promise<string> {
    return host.must(["sh", "-c", script], { seconds: 300 });
  }

  /** The same as the server's OS user. */
  asOwner(script: string, host = this.host): Promise<string> {
    return host.must(["su", "-s", "/bin/sh", "-c", script, "msyspg"], { seconds: 300 });
  }

  /** SQL on the host, by TCP as the application, from whom no password is asked there. */
  async query(sql: string, user = "ecuser"): Promise<string> {
    const psql = `${binaries("18")}/psql -X -q -A -t -v ON_ERROR_STOP=1 -h 127.0.0.1 -U ${user} ecelerity`;
    return (await this.host.must(["sh", "-c", psql], { input: sql, seconds: 300 })).trim();
  }

  /** SQL as the superuser, who comes in by the socket without a password because the OS user has the name. */
  async superuser(sql: string): Promise<string> {
    const psql = `${binaries("18")}/psql -X -q -A -t -v ON_ERROR_STOP=1 -h /tmp postgres`;
    const argv = ["su", "-s", "/bin/sh", "-c", psql, "msyspg"];
    return (await this.host.must(argv, { input: sql, seconds: 300 })).trim();
  }

  /** What the service's own words do: start, stop, restart. */
  async service(act: "start" | "stop" | "restart", host = this.host): Promise<Result> {
    const argv = this.init === "systemd" ? ["systemctl", act, "msyspg"] : [service, act];
    return host.run(argv, { seconds: 120 });
  }

  /** Major version of whatever answers, and the folder of the program that runs. */
  async running(): Promise<{ readonly version: string; readonly program: string }> {
    const version = await this.superuser("select current_setting('server_version_num')::int / 10000");
    const program = (await this.shell(`readlink /proc/$(head -n 1 ${data}/postmaster.pid)/exe`)).trim();
    return { version, program: dirname(program) };
  }

  async answers(): Promise<boolean> {
    return (await this.host.run(["sh", "-c", `${binaries("18")}/pg_isready -q -h ${this.host.address}`])).code === 0;
  }

  /** Where the programs of a version really lie: what the kernel says of one that runs. */
  async realBinaries(version: Version): Promise<string> {
    return (await this.shell(`readlink -f ${binaries(version)}`)).trim();
  }

  /** Runs of the declared backups, the oldest first. */
  async backups(): Promise<readonly string[]> {
    return (await this.shell("cd /var/db/msyspg_backup 2>/dev/null && ls -d 2*Z || true")).split("\n").filter(Boolean);
  }

  /** After a change of what a login may do. */
  async forgetLogins(): Promise<void> {
    await this.net.control.closeConnections();
  }

  /** Power cut, and on again. */
  async reboot(host = this.host): Promise<void> {
    await host.powerCut();
    await host.boot();
    this.net.control.know(this.net.hosts);
    await this.net.control.closeConnections();
  }

  /** A client on the other host writes to the database, row by row, until it is told to stop. */
  async beginWriting(): Promise<void> {
    const program = readFileSync(await bundled("writerProgram", this.folder));
    await this.mta.must(["sh", "-c", "cat >/usr/local/lib/writer.cjs"], { input: program });
    const node = [process.execPath, "/usr/local/lib/writer.cjs", this.host.address, "5432", "ecuser", "ecelerity"];
    const [command = "", ...args] = this.mta.argv([...node, "/var/local/written"]);
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
    child.stdin.on("error", () => undefined);
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
    this.#writer = { child, ended };
    child.stdin.write(`${this.passwords.ecuser}\n`);
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stdout }).once("line", () => resolve());
      child.once("exit", (code) => reject(new Error(`the writer ended with status ${code}`)));
    });
  }

  async endWriting(): Promise<Written> {
    this.#writer?.child.stdin?.end();
    const code = await this.#writer?.ended;
    this.#writer = undefined;
    if (code !== 0) throw new Error(`the writer ended with status ${code}`);
    return JSON.parse(await this.mta.must(["cat", "/var/local/written"])) as Written;
  }

  /** Of what was acknowledged, what is not there. */
  async missing({ acknowledged }: Written): Promise<readonly number[]> {
    const there = new Set((await this.query("select number from written")).split("\n").map(Number));
    return acknowledged.filter((number) => !there.has(number));
  }

  async remove(): Promise<void> {
    await this.sandbox.remove();
    await this.net.close();
    this.#writer?.child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What an administrator has there before pgsite comes: the OS user, programs of both versions, cron, an id of the machine. */
  async #install(host: HostMachine): Promise<void> {
    await this.shell(
      `set -e
groupadd -r msyspg
useradd -r -g msyspg -d /opt/msys -s /bin/bash msyspg
echo 'admin ALL=(msyspg, root) NOPASSWD: /bin/sh' >/etc/sudoers.d/pgsite
od -A n -t x1 -N 16 /dev/urandom | tr -d ' \\n' >/etc/machine-id
# The other one as an image may have it: its line has no end.
[ "$(hostname)" = mta ] || echo >>/etc/machine-id
mkdir -p /opt/msys /var/db
ln -s ${dirname(of17 as string)} ${folders["17"]}.programs
mkdir ${folders["17"]}
ln -s ../3rdParty.programs/bin ${binaries("17")}
install -d -o msyspg -g msyspg -m 750 ${folders["17"]}/etc/php.d
ln -s ${dirname(of18 as string)} ${folders["18"]}
${this.init === "sysv" ? "ln -sf ../init.d/cron /etc/rc3.d/S20cron; /etc/init.d/cron start" : "ln -sf /lib/systemd/system/cron.service /etc/systemd/system/multi-user.target.wants/cron.service; systemctl daemon-reload; systemctl start cron"}`,
      host,
    );
  }

  async #makeProject(): Promise<void> {
    const { sandbox } = this;
    sandbox.write({ "Pulumi.yaml": readFileSync(join(checkout, "Pulumi.yaml"), "utf8") });
    symlinkSync(join(checkout, "dist"), join(sandbox.program, "dist"));
    await sandbox.must(["stack", "init", stack]);
    for (const [role, input] of Object.entries(this.passwords)) {
      await sandbox.must(["config", "set", "--secret", `pgsite:password-${role}`, "--stack", stack], { input });
    }
    this.declare("17");
  }
}
