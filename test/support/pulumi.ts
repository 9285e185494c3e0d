import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { toolchainEnvironment } from "../../toolchain/environment.mjs";
import { prepareHome } from "../../toolchain/home.mjs";
import { checkout } from "../../toolchain/paths.mjs";
import type { Control } from "./multihost.js";

export interface PulumiResult {
  /** Exit status; 128 and more where a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface PulumiRun {
  readonly pid: number;
  readonly finished: Promise<PulumiResult>;
}

export interface RunOptions {
  /** What the run may take before it is killed. @default 60 */
  readonly seconds?: number;
  /** Added to the sandbox's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** @default nothing */
  readonly input?: string;
  /** @default the program's folder */
  readonly cwd?: string;
  /** The machine of a test's hosts that runs Pulumi. @default this machine */
  readonly control?: Pick<Control, "argv" | "bin"> & { readonly env: Readonly<Record<string, string>> };
}

/** A resource as `pulumi stack export` shows it. */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

/**
 * A Pulumi of its own for a test: home, file back end and program folder are temporary, and nothing of the user's is
 * read or written. `await sandbox.remove()` in the end, also after a failure: it ends every process that was started.
 */
export class PulumiSandbox {
  /** The folder of the program; `node_modules` and `toolchain` in it are the checkout's. */
  readonly program: string;
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
  readonly #folder: string;
  readonly #children = new Set<ChildProcess>();

  private constructor(folder: string, env: Readonly<Record<string, string>>) {
    this.#folder = folder;
    this.program = join(folder, "program");
    this.home = join(folder, "home");
    this.env = env;
  }

  /** @param commandPlugin folder of a `pulumi-resource-command` to use. @default the official one, or the stand-in */
  static async make(commandPlugin?: string, passphrase = "a test's passphrase"): Promise<PulumiSandbox> {
    const folder = mkdtempSync(join(tmpdir(), "pgsite-pulumi-"));
    const home = join(folder, "home");
    mkdirSync(join(folder, "state"));
    mkdirSync(join(folder, "program"));
    for (const link of ["node_modules", "toolchain"]) symlinkSync(join(checkout, link), join(folder, "program", link));
    await prepareHome(home, commandPlugin === undefined ? {} : { given: commandPlugin });
    const state = join(folder, "state");
    return new PulumiSandbox(folder, await toolchainEnvironment({ home, state, passphrase }));
  }

  /** Writes files of the program (`Pulumi.yaml`, `index.js` …), by their path in its folder. */
  write(files: Readonly<Record<string, string>>): void {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(this.program, path)), { recursive: true });
      writeFileSync(join(this.program, path), content);
    }
  }

  /** Starts `pulumi ARGUMENTS` without waiting for its end. */
  start(
    args: readonly string[],
    { seconds = 60, env = {}, cwd = this.program, control, input = "" }: RunOptions = {},
  ): PulumiRun {
    const argv = ["pulumi", "--non-interactive", "--color=never", ...args];
    const [program, ...rest] = (control?.argv(argv, cwd) ?? argv) as [string, ...string[]];
    const there = control && { ...control.env, PATH: `${control.bin}:${this.env.PATH}` };
    const child = spawn(program, rest, {
      cwd,
      env: { ...this.env, ...there, ...env },
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    });
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    this.#children.add(child);
    const timer = setTimeout(() => child.kill("SIGKILL"), seconds * 1000);
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const finished = new Promise<PulumiResult>((resolve, reject) => {
      const end = (code: number | null) => {
        clearTimeout(timer);
        resolve({ code: code ?? 128, stdout, stderr });
      };
      child.on("error", reject);
      child.on("close", end);
      // A plugin that outlives a killed Pulumi holds its output open: do not wait for that.
      child.on("exit", (code) => setTimeout(() => end(code), 1000));
    });
    return { pid: child.pid ?? 0, finished };
  }

  /** Runs `pulumi ARGUMENTS` to its end, whatever its status. */
  async run(args: readonly string[], options?: RunOptions): Promise<PulumiResult> {
    return this.start(args, options).finished;
  }

  /** Like `run`, but anything but success throws, with all that Pulumi printed. */
  async must(args: readonly string[], options?: RunOptions): Promise<PulumiResult> {
    const result = await this.run(args, options);
    if (result.code === 0) return result;
    throw new Error(`pulumi ${args.join(" ")} ended with status ${result.code}\n${result.stdout}${result.stderr}`);
  }

  /** The stack's resources by name, secrets as Pulumi stores them, or opened with `showSecrets`. */
  async state(stack: string, showSecrets = false): Promise<ReadonlyMap<string, StateResource>> {
    const args = ["stack", "export", "--stack", stack, ...(showSecrets ? ["--show-secrets"] : [])];
    const { deployment } = JSON.parse((await this.must(args)).stdout) as {
      deployment: { resources?: StateResource[] };
    };
    return new Map(deployment.resources?.map((resource) => [resource.urn.split("::").pop() ?? "", resource]));
  }

  /** Ends everything that runs in this sandbox, and deletes it. */
  async remove(): Promise<void> {
    for (const child of this.#children) child.kill("SIGKILL");
    for (const pid of this.#leftOver()) process.kill(pid, "SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  /** Plugins, programs and commands: whatever carries this sandbox's Pulumi home in its environment. */
  #leftOver(): readonly number[] {
    const marker = `PULUMI_HOME=${this.home}\0`;
    const pids = process.platform === "linux" ? readdirSync("/proc").map(Number).filter(Number.isInteger) : [];
    return pids.filter((pid) => {
      try {
        return pid !== process.pid && readFileSync(`/proc/${pid}/environ`, "latin1").includes(marker);
      } catch {
        return false; // It ended meanwhile, or is another user's.
      }
    });
  }
}
