import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { expect } from "vitest";
import { Rehearsal, type RehearsalOptions } from "../../cli/rehearsal/rehearsal.js";
import { rawConfiguration } from "../../cli/rehearsal/stackFiles.js";
import { resolveStack } from "../../config/resolve.js";
import type { Server } from "../../config/site.js";
import { openSession, type Row } from "../../servers/sql/session.js";
import { childrenOf } from "./processes.js";
import { complaintsIn } from "./rolloutWatch.js";

const passwords = { postgres: "adm1n", replicator: "repl" };

type StacksOptions = Pick<RehearsalOptions, "name" | "postgresql" | "binaries" | "block">;

/** Rehearsed stacks under the real engine, declared by the text of their files. */
export class RolloutStacks {
  private constructor(
    readonly rehearsal: Rehearsal,
    readonly options: StacksOptions,
  ) {}

  /** Brings all of them up, in order; what an earlier, broken run left is taken down before. */
  static async up(options: StacksOptions, texts: Readonly<Record<string, string>>): Promise<RolloutStacks> {
    await (await Rehearsal.find(options.name))?.down();
    const rehearsal = await Rehearsal.prepare({ ...options, texts, passwords });
    const stacks = new RolloutStacks(rehearsal, options);
    try {
      for (const stack of Object.keys(texts)) await rehearsal.up(stack);
    } catch (error) {
      await rehearsal.down();
      throw error;
    }
    return stacks;
  }

  /** Writes the stack files anew. */
  async declare(texts: Readonly<Record<string, string>>): Promise<void> {
    await Rehearsal.prepare({ ...this.options, texts, passwords });
  }

  servers(stack: string): readonly Server[] {
    const text = readFileSync(join(this.rehearsal.project, `Pulumi.${stack}.yaml`), "utf8");
    const resolved = resolveStack(stack, rawConfiguration(text)).stack;
    if (resolved === undefined) throw new Error(`${stack} cannot be resolved`);
    return resolved.site.servers;
  }

  /** All that `pulumi preview` prints, and whether it ended well. */
  async preview(stack: string, ...more: readonly string[]): Promise<{ readonly code: number; readonly said: string }> {
    const args = ["preview", "--stack", stack, "--non-interactive", "--color", "never", ...more];
    const { exitCode, stdout, stderr } = await this.rehearsal.pulumi(args);
    return { code: exitCode ?? 1, said: `${stdout}\n${stderr}` };
  }

  /**
   * Everything runs and streams from its declared upstream, nothing is left over on the hosts, no hot standby was ever
   * below its primary, and there is nothing to do. @param pausedByHand a test paused replay itself
   */
  async endedWell(stack: string, pausedByHand = false): Promise<void> {
    const servers = this.servers(stack);
    for (const { name, controlDirectory, hotStandby, role } of servers) {
      expect(existsSync(join(controlDirectory, "pending.json")), name).toBe(false);
      expect(readdirSync(join(controlDirectory, "staged")), name).toEqual([]);
      if (role !== "primary" && !hotStandby) continue;
      const server = servers.find((one) => one.name === name) as Server;
      const streaming = await this.query(
        server,
        "select application_name as name, state from pg_stat_replication order by 1",
      );
      const followers = servers.filter(({ upstream }) => upstream === name).map((one) => one.name);
      expect(streaming, name).toEqual(followers.sort().map((follower) => ({ name: follower, state: "streaming" })));
    }
    expect(complaintsIn(servers, pausedByHand)).toEqual([]);
    const { code, said } = await this.preview(stack, "--expect-no-changes");
    expect(code, said).toBe(0);
  }

  /**
   * Runs `up`, and kills pulumi and all that it started when `reached` says so.
   *
   * @throws {@link TooLate} when the `up` succeeded before that was seen.
   */
  async killedUp(stack: string, reached: () => boolean): Promise<void> {
    const { project, environment } = this.rehearsal;
    const run = execa("pulumi", ["up", "--stack", stack, "--yes", "--skip-preview", "--non-interactive"], {
      cwd: project,
      env: environment,
      extendEnv: false,
      reject: false,
      stdin: "ignore",
      timeout: 10 * 60_000,
    });
    let ended = false;
    void run.then(() => {
      ended = true;
    });
    try {
      while (!reached()) {
        if (ended) {
          const { exitCode, stdout } = await run;
          const message = `pulumi ended before that:\n${stdout}`;
          throw exitCode === 0 ? new TooLate(message) : new Error(message);
        }
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    } finally {
      // Providers and the language host.
      const children = childrenOf(run.pid ?? 0);
      for (const pid of [...children, run.pid ?? 0]) if (!ended) kill(pid);
    }
    await run;
    const { exitCode, stderr } = await this.rehearsal.pulumi(["cancel", "--stack", stack, "--yes"]);
    if (exitCode !== 0) throw new Error(stderr);
  }

  async query(server: Server, ...statements: readonly string[]): Promise<readonly Row[]> {
    const session = await openSession(server, { user: "postgres", password: passwords.postgres });
    try {
      let rows: readonly Row[] = [];
      for (const statement of statements) rows = await session.query(statement);
      return rows;
    } finally {
      await session.end();
    }
  }
}

/** On a busy machine a phase of some milliseconds can pass unseen. */
export class TooLate extends Error {}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended meanwhile.
  }
}
