import { createInterface } from "node:readline";
import type { Host, SpawnOptions } from "../../hosts/host.js";
import { quietSeconds } from "./methods.js";

export interface Watched {
  readonly code: number;
  readonly stderr: string;
  /** True where it was ended because it had nothing to say any more. */
  readonly quiet: boolean;
}

/**
 * Runs a program that says on standard output, line by line (also ended by CR), how far it is.
 * @param options `onLine` returns whether the next line has to come within quietSeconds; before, and without that,
 * `firstSeconds` count, if given
 */
export async function runByLines(
  host: Host,
  argv: readonly string[],
  options: SpawnOptions & {
    readonly input?: string;
    readonly firstSeconds?: number;
    readonly onLine: (line: string) => boolean;
  },
): Promise<Watched> {
  const { input = "", firstSeconds, onLine, ...rest } = options;
  const program = await host.spawn(argv, rest);
  program.stdin.on("error", () => undefined);
  program.stdin.end(input);
  let quiet = false;
  let timer: NodeJS.Timeout | undefined;
  const watch = (seconds: number | undefined) => {
    clearTimeout(timer);
    if (seconds === undefined) return;
    timer = setTimeout(() => {
      quiet = true;
      program.kill();
    }, seconds * 1000);
  };
  watch(firstSeconds);
  const read = (async () => {
    for await (const line of createInterface({ input: program.stdout, crlfDelay: Number.POSITIVE_INFINITY })) {
      watch(onLine(line) ? quietSeconds : firstSeconds);
    }
  })();
  try {
    const [ended] = await Promise.all([program.ended, read]);
    return { ...ended, quiet };
  } finally {
    clearTimeout(timer);
  }
}
