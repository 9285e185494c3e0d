import { spawn } from "node:child_process";
import { readFileSync, rmSync, symlinkSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { checkout } from "../../toolchain/paths.mjs";
import { cloneAsItStands, newcomersEnvironment } from "./clone.js";
import { commandsBelow } from "./documents.js";
import type { Result } from "./multihost/command.js";
import { type MultiHost, multiHost } from "./multihost.js";
import { PulumiSandbox } from "./pulumi.js";

/** What README.md tells a stranger to type, in order. */
export const firstCommands = commandsBelow(readFileSync(join(checkout, "README.md"), "utf8"), "## Your first site");

/** Addresses of README.md, and the hosts that stand for them. */
const placeholders = { "192.0.2.11": "db1", "192.0.2.12": "db2" } as const;

interface Typing {
  readonly input?: string;
  /** Over the stranger's environment; undefined takes away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * A stranger's machine with a fresh clone that has npm's packages and nothing more, and two hosts with PostgreSQL's programs, on which
 * nothing of it was ever made. SSH to them is open, and they reach each other; what else the machine sends them is dropped.
 */
export class FirstSite {
  private constructor(
    readonly net: MultiHost,
    readonly sandbox: PulumiSandbox,
  ) {}

  /** @param install how a newcomer has npm's packages installed. @default a link to this checkout's */
  static async make({ install }: { readonly install?: "npm ci" | "pulumi install" } = {}): Promise<FirstSite> {
    const [net, sandbox] = await Promise.all([multiHost(["db1", "db2"]), PulumiSandbox.make()]);
    const site = new FirstSite(net, sandbox);
    try {
      rmSync(sandbox.program, { recursive: true });
      await cloneAsItStands(sandbox.program);
      // The stranger's machine itself has no way to npm's registry.
      const modules = join(sandbox.program, "node_modules");
      const env = { ...newcomersEnvironment(), ...sandbox.env, npm_config_prefer_offline: "true" };
      if (install === undefined) symlinkSync(join(checkout, "node_modules"), modules);
      else await execa("sh", ["-c", install], { cwd: sandbox.program, env, extendEnv: false });
      const addresses = net.hosts.map(({ address }) => address);
      await Promise.all(
        net.hosts.map(async (host) => {
          // As an installation with create_main_cluster = false leaves it, whatever this machine has.
          await host.must(["sh", "-c", "rm -rf /var/lib/postgresql/* /etc/postgresql/* /etc/init.d/postgresql"]);
          await host.closeTo({ allBut: addresses });
        }),
      );
      return site;
    } catch (error) {
      await site.remove();
      throw error;
    }
  }

  /** Whom ssh logs in as, as a user's ~/.ssh/config says it. */
  logInAs(user: string): void {
    this.net.control.configure(`Host *\n  User ${user}\n`);
  }

  /** A command of README.md's, typed into a shell on the stranger's machine, which is no terminal. */
  async type(command: string, { input = "", env = {} }: Typing = {}): Promise<Result> {
    return this.net.control.run(["sh", "-c", this.#typed(command)], {
      cwd: this.sandbox.program,
      env: { ...this.environment, ...env },
      input,
      seconds: 240,
    });
  }

  /** The same at a terminal, where each question that shows up gets its answer. Returns all that the terminal showed. */
  async converse(
    command: string,
    answers: readonly (readonly [question: string, keys: string])[],
    { env = {} }: Pick<Typing, "env"> = {},
  ): Promise<string> {
    const { control } = this.net;
    // util-linux' script(1) gives it a terminal.
    const [program, ...args] = control.argv(
      ["script", "-qec", `stty cols 200 rows 50; ${this.#typed(command)}`, "/dev/null"],
      this.sandbox.program,
    );
    const PATH = `${control.bin}:${this.environment.PATH}`;
    const child = spawn(program as string, args, {
      env: { ...process.env, ...control.env, ...this.environment, PATH, ...env },
    });
    const left = [...answers];
    let shown = "";
    let answered = 0;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      shown += text;
      const [question, keys] = left[0] ?? [];
      const at = question === undefined ? -1 : shown.indexOf(question, answered);
      if (question === undefined || at < 0) return;
      answered = at + question.length;
      left.shift();
      // It takes keys once it has drawn itself.
      setTimeout(() => child.stdin.write(this.#typed(keys ?? "")), 100);
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), 40_000);
    const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
    clearTimeout(timer);
    if (code !== 0 || left.length > 0) throw new Error(`status ${code}, not asked: ${left.join("; ")}\n${shown}`);
    return shown;
  }

  #typed(command: string): string {
    return Object.entries(placeholders).reduce(
      (text, [address, host]) => text.replaceAll(address, this.net.host(host).address),
      command,
    );
  }

  /** The stranger's. */
  get environment(): Readonly<Record<string, string>> {
    const { env } = this.sandbox;
    return {
      ...env,
      PATH: `${dirname(process.execPath)}:${env.PATH}`,
      npm_config_cache: join(homedir(), ".npm"),
      // Who sits at a terminal answers "yes".
      PULUMI_SKIP_CONFIRMATIONS: "true",
    };
  }

  async remove(): Promise<void> {
    await this.sandbox.remove();
    await this.net.close();
  }
}
