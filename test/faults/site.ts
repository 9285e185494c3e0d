import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import pg from "pg";
import { osUser } from "../../hosts/users.js";
import { LocalSite, procFile, serverUser } from "../support/localSite.js";
import { debian15 } from "../support/parted.js";
import { childrenOf, runs, until } from "../support/processes.js";
import type { PulumiRun } from "../support/pulumi.js";
import { type Declared, names, passwordOf, stackKeys } from "./model.js";

const port = 5442;
const stack = "site";
/** What an `up` may take, in seconds; one that waits for ever is a failure too. */
const patience = 300;

/** How an `up` ended: all that it printed, and whether well. */
export interface Ended {
  readonly code: number;
  readonly said: string;
  readonly seconds: number;
}

/** Whether a server takes writes; `down` where it does not run, `silent` where it runs and gives no answer. */
export type Standing = "writes" | "recovers" | "down" | "silent";

/** The site that a campaign runs on: real servers, the real Pulumi, and what is done to them by hand. */
export class FaultSite {
  /** Roles' passwords by number, of which any may be in force after an `up` that failed. */
  readonly #passwords: Record<string, readonly number[]> = {};
  readonly #mounted: string[] = [];
  /** Rules of iptables that were added. */
  readonly #rules = new Set<readonly string[]>();

  private constructor(readonly local: LocalSite) {}

  static async make(declared: Declared, block: number): Promise<FaultSite> {
    const passwords = Object.fromEntries(
      Object.entries(declared.passwords).map(([role, number]) => [role, passwordOf(role, number)]),
    );
    const description = existsSync(debian15) ? { binaries: debian15 } : {};
    const site = new FaultSite(await LocalSite.make({ major: "15", block, servers: names, description, passwords }));
    await site.declare(declared);
    return site;
  }

  address(name: string): string {
    return this.local.address(name);
  }

  places() {
    return names.map((name) => ({ address: this.address(name), port }));
  }

  /** Writes the stack file; passwords that are new are set as an administrator sets them. */
  async declare(declared: Declared): Promise<void> {
    for (const [role, number] of Object.entries(declared.passwords)) {
      const [last, ...before] = this.#passwords[role] ?? [0];
      if (last === number) continue;
      this.#passwords[role] = [number, last ?? 0, ...before].slice(0, 3);
      await this.local.setPassword(role, passwordOf(role, number));
    }
    this.local.declare(stackKeys(declared));
  }

  /** Ways in that may be open for a role, the likeliest first. */
  logins(user: string) {
    const numbers = this.#passwords[user] ?? [0];
    return numbers.flatMap((number) => [false, true].map((tls) => ({ user, password: passwordOf(user, number), tls })));
  }

  startUp(): PulumiRun {
    return this.local.sandbox.start(["up", "--yes", "--skip-preview", "--stack", stack], { seconds: patience });
  }

  async ended(run: PulumiRun, since: number): Promise<Ended> {
    const { code, stdout, stderr } = await run.finished;
    return { code, said: `${stdout}\n${stderr}`, seconds: (Date.now() - since) / 1000 };
  }

  /** Whether nothing differs from what is declared; what does, else. */
  async preview(): Promise<Ended> {
    const since = Date.now();
    const args = ["preview", "--diff", "--expect-no-changes", "--stack", stack];
    return this.ended(this.local.sandbox.start(args, { seconds: patience }), since);
  }

  /** A lock that a killed Pulumi left. */
  async cancel(): Promise<void> {
    await this.local.sandbox.run(["cancel", "--yes", "--stack", stack]);
  }

  /** What runs for an `up`: Pulumi, the program, plugins, commands. As `PID COMMAND LINE`. */
  processes(): readonly string[] {
    return this.local.processes();
  }

  pids(name: string): readonly number[] {
    const postmaster = this.local.postmaster(name);
    return postmaster === undefined ? [] : [postmaster, ...childrenOf(postmaster)];
  }

  /** What a process says that it does. */
  title(pid: number): string {
    return procFile(pid, "cmdline");
  }

  /** `kill -9` of all processes of a server at once, as when its machine goes. */
  async powerOff(name: string): Promise<void> {
    const [postmaster, ...children] = this.pids(name);
    if (postmaster === undefined) return;
    // Else it would end the others, and recover.
    signal(postmaster, "SIGSTOP");
    for (const pid of [...children, ...childrenOf(postmaster), postmaster]) signal(pid, "SIGKILL");
    await until(`the end of ${name}`, () => !runs(postmaster));
  }

  removeData(name: string): void {
    rmSync(this.local.dataDirectory(name), { recursive: true, force: true });
  }

  /** What rejoins have kept of a server, as an administrator removes it who has looked. */
  removeKept(name: string): void {
    const folder = join(this.local.folder, name);
    const kept = readdirSync(folder).filter((one) => one.startsWith("data.diverged-"));
    for (const one of kept) rmSync(join(folder, one), { recursive: true, force: true });
  }

  /** Runs one of the scripts that lie beside a server's data, as its OS user. */
  async script(name: string, script: string, ...words: readonly string[]) {
    const argv = [join(this.local.controlDirectory(name), "runbook", script), ...words];
    const { code, stdout, stderr } = await this.local.host().run(argv, { timeout: 120_000 });
    return { code, said: `${stdout}${stderr}`.trim() };
  }

  async standing(name: string): Promise<Standing> {
    if (this.local.postmaster(name) === undefined) return "down";
    const rows = await this.query(name, "select pg_is_in_recovery()::text as recovers").catch(() => undefined);
    if (rows === undefined) return "silent";
    return rows[0]?.recovers === "true" ? "recovers" : "writes";
  }

  /** As the administrator, or as who is given; by whichever way is open. */
  async query(name: string, sql: string, user = "postgres", database = "postgres") {
    return this.connected(
      name,
      async (client) => (await client.query(sql)).rows as Record<string, string>[],
      user,
      database,
    );
  }

  async connected<T>(
    name: string,
    act: (client: pg.Client) => Promise<T>,
    user = "postgres",
    database = "postgres",
  ): Promise<T> {
    let last: unknown;
    for (const { tls, ...login } of this.logins(user)) {
      const client = new pg.Client({
        ...{ host: this.address(name), port, database, ...login, ssl: tls && { rejectUnauthorized: false } },
        ...{ connectionTimeoutMillis: 3000, query_timeout: 20_000 },
      });
      client.on("error", () => undefined);
      try {
        await client.connect();
      } catch (error) {
        last = error;
        await leave(client);
        continue;
      }
      try {
        return await act(client);
      } finally {
        await leave(client);
      }
    }
    throw last;
  }

  /** Packets to and from a server's address are dropped (all of them, or what is more than a slow line takes). */
  cut(name: string, slow = false): () => void {
    const slowly = ["-m", "limit", "--limit", "100/second", "--limit-burst", "20", "-j", "ACCEPT"];
    const address = this.address(name);
    const rules = ["-d", "-s"].flatMap((way) => {
      const packets = ["INPUT", way, address, "-p", "tcp"];
      return [[...packets, "-j", "DROP"], ...(slow ? [[...packets, ...slowly]] : [])];
    });
    // Each before the others, whatever rules the machine has: so the last is asked first.
    for (const rule of rules) {
      execFileSync("iptables", ["-w", "-I", ...rule]);
      this.#rules.add(rule);
    }
    return () => this.#uncut(rules);
  }

  #uncut(rules: Iterable<readonly string[]>): void {
    for (const rule of [...rules]) {
      if (this.#rules.delete(rule)) execFileSync("iptables", ["-w", "-D", ...rule]);
    }
  }

  /** Gives each server a small file system of its own, before it has data. Only root can. */
  async mountSmall(): Promise<void> {
    const { uid, gid } = await osUser(await serverUser());
    for (const name of names) {
      const folder = join(this.local.folder, name);
      mkdirSync(folder, { recursive: true });
      execFileSync("mount", [
        "-t",
        "tmpfs",
        "-o",
        `size=1500m,uid=${uid},gid=${gid},mode=755`,
        "pgsite-faults",
        folder,
      ]);
      this.#mounted.push(folder);
    }
  }

  /** Takes all the space that a server's file system has left. */
  fill(name: string): () => void {
    const folder = join(this.local.folder, name);
    const balloon = join(folder, "balloon");
    const chunk = Buffer.alloc(1 << 20);
    writeFileSync(balloon, "");
    try {
      for (;;) writeFileSync(balloon, chunk, { flag: "a" });
    } catch {
      // There is no space left.
    }
    return () => rmSync(balloon, { force: true });
  }

  get canFill(): boolean {
    return this.#mounted.length > 0;
  }

  /** What a server wrote last. */
  log(name: string, lines = 12): string {
    const path = join(this.local.controlDirectory(name), "start.log");
    return existsSync(path) ? readFileSync(path, "utf8").trimEnd().split("\n").slice(-lines).join("\n") : "";
  }

  freeSpace(name: string): number {
    const { bavail, bsize } = statfsSync(join(this.local.folder, name));
    return bavail * bsize;
  }

  /** Ends and removes everything. */
  async remove(): Promise<void> {
    this.#uncut(this.#rules);
    for (const name of names) for (const pid of this.pids(name)) signal(pid, "SIGCONT");
    for (const name of names) await this.powerOff(name).catch(() => undefined);
    for (const folder of this.#mounted.splice(0)) await execa("umount", ["-l", folder], { reject: false });
    await this.local.remove();
  }
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended meanwhile.
  }
}

async function leave(client: pg.Client): Promise<void> {
  await Promise.race([client.end().catch(() => undefined), new Promise((resolve) => setTimeout(resolve, 1000))]);
}
