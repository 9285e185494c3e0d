import { spawn } from "node:child_process";

export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly input?: string | Buffer;
  /** The whole environment. @default ours */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** @default 30 */
  readonly seconds?: number;
}

/** Runs a program to its end, whatever its exit code. @throws where it takes too long */
export function command(argv: readonly string[], options: CommandOptions = {}): Promise<Result> {
  const { input = "", env = process.env, seconds = 30 } = options;
  const [program, ...args] = argv as readonly [string, ...string[]];
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...env }, stdio: ["pipe", "pipe", "pipe"] });
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`${argv.join(" ")}: not within ${seconds} s`));
    }, seconds * 1000);
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? 128, stdout, stderr });
    });
  });
}

/** The same, where anything but success is an error. Returns standard output. */
export async function must(argv: readonly string[], options?: CommandOptions): Promise<string> {
  const { code, stdout, stderr } = await command(argv, options);
  if (code !== 0) throw new Error(`${argv.join(" ")} ended with status ${code}: ${stderr || stdout}`);
  return stdout;
}
