import { execa } from "execa";

/** How a run of Pulumi's CLI ended. */
export interface PulumiRun {
  readonly stdout: string;
  /** Undefined where it could not be started, or did not end in time. */
  readonly exitCode: number | undefined;
  /** Why it failed, in its own words where it has any; undefined where it did not. */
  readonly failure: string | undefined;
}

export interface PulumiOptions {
  /** Added to ours. */
  readonly env?: Readonly<Record<string, string>>;
  /** What it reads: a secret's value, which has no place on a command line. @default nothing */
  readonly input?: string;
}

/** Runs Pulumi's CLI without a terminal in the project's folder, for so many milliseconds at most. Never throws. */
export async function runPulumi(
  project: string,
  args: readonly string[],
  timeout: number,
  { env = {}, input }: PulumiOptions = {},
): Promise<PulumiRun> {
  const result = await execa("pulumi", [...args, "--non-interactive"], {
    cwd: project,
    env,
    reject: false,
    ...(input === undefined ? { stdin: "ignore" } : { input }),
    timeout,
  });
  const { stdout, exitCode, failed } = result;
  return { stdout, exitCode, failure: failed ? whyFailed(result, args[0] ?? "", timeout) : undefined };
}

/** For a question to Pulumi's state. */
const stateSeconds = 60;

/** Names of the stacks of the project that Pulumi's state knows. @throws in Pulumi's words */
export async function knownStacks(project: string): Promise<readonly string[]> {
  const { stdout, failure } = await runPulumi(project, ["stack", "ls", "--json"], stateSeconds * 1000);
  if (failure !== undefined) throw new Error(`Pulumi does not say which stacks there are: ${failure}`);
  const stacks = JSON.parse(stdout) as readonly { readonly name: string }[];
  // A service puts the organization before it.
  return stacks.map(({ name }) => name.split("/").at(-1) ?? name);
}

interface Failed {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode?: number | undefined;
  readonly timedOut: boolean;
  readonly code?: string | undefined;
  readonly shortMessage?: string | undefined;
}

function whyFailed(result: Failed, command: string, timeout: number): string {
  if (result.code === "ENOENT") return "there is no pulumi on the PATH: `npm run setup` gets it, and says where it is";
  if (result.timedOut) return `pulumi ${command} did not end within ${timeout / 1000} s`;
  const words = [result.stderr, result.stdout].map((text) => text.trim()).find((text) => text !== "");
  return (words ?? result.shortMessage ?? `pulumi ${command} failed`).replace(/^error: /, "");
}
