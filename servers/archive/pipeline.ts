import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";
import type { Host } from "../../hosts/host.js";
import { quoteAll } from "../../hosts/quote.js";
import { writing } from "../data/lock.js";

/*
 * Data flow on hosts, from program to program, and never through us where both ends are on one host. What the programs say
 * comes line by line: tar's checkpoints, a line for each part, `ended PROGRAM CODE` for each program.
 */

/** A shell script and its arguments. It says what it has to say on descriptor 3. */
export interface Stage {
  readonly host: Host;
  readonly script: string;
  readonly args: readonly string[];
}

export interface FlowOptions {
  /** Standard input of the source. */
  readonly input: string;
  readonly source: Stage;
  readonly target: Stage;
  /** Whose copy lock is held on the target's host while it is written to. */
  readonly directories: { readonly controlDirectory: string };
  readonly onLine: (line: string) => void;
  /** What tar may say, and fail, without harm. @default nothing */
  readonly fine?: readonly RegExp[];
  readonly signal: AbortSignal;
}

/**
 * Has what a source writes flow into a target: through a pipe on one host, through us between two.
 * @throws where a program failed, with what it said
 */
export async function flow(options: FlowOptions): Promise<void> {
  const { input, source, target, directories, onLine, fine = [], signal } = options;
  const { host } = target;
  const together = areOne(source.host, host);
  const joined = ["sh", "-c", `exec 3>&1; ${pipe(source, "$1")} | ${pipe(target, "$2")}`, "sh"];
  const argv = together ? grouped([...joined, source.script, target.script]) : alone(target, 1);
  const writer = await host.spawn(writing(directories, argv), { signal });
  writer.stdin.on("error", () => undefined);
  const failures: string[] = [];
  const said: string[] = [];
  const hear = (line: string) => {
    const [, program, code] = /^ended (\S+) (\d+)$/.exec(line) ?? [];
    if (program === undefined) {
      onLine(line);
      if (!/^(part |tar: (Write|Read) checkpoint )/.test(line) && line.trim() !== "") said.push(line);
    } else if (code !== "0") {
      const harmless = program === "tar" && said.length > 0 && said.every((text) => fine.some((one) => one.test(text)));
      if (harmless) said.length = 0;
      else failures.push(`${program} ended with status ${code}`);
    }
  };
  const heard = (async () => {
    const lines = createInterface({ input: writer.stdout, crlfDelay: Number.POSITIVE_INFINITY });
    for await (const line of lines) hear(line);
  })();
  if (together) {
    writer.stdin.end(input);
  } else {
    const reader = await source.host.spawn(alone(source, 2), { signal });
    reader.stdin.on("error", () => undefined);
    reader.stdin.end(input);
    const moved = await pipeline(reader.stdout, writer.stdin).then(
      () => undefined,
      (error: Error) => error,
    );
    if (moved !== undefined) {
      reader.kill();
      writer.kill();
    }
    const { code, stderr } = await reader.ended;
    for (const line of stderr.split("\n")) hear(line);
    if (code !== 0) failures.push(`the script on ${source.host.name} ended with status ${code}`);
    if (moved !== undefined) failures.push(`the way from ${source.host.name} to ${host.name} broke (${moved.message})`);
  }
  const [{ code, stderr }] = await Promise.all([writer.ended, heard]);
  signal.throwIfAborted();
  said.push(...stderr.split("\n").filter((line) => line.trim() !== ""));
  if (code !== 0) failures.push(`the script on ${host.name} ended with status ${code}`);
  if (failures.length > 0) {
    // Whoever is left without a reader or writer only echoes the first failure.
    const spoken = said.filter((line) => !/[Bb]roken pipe|unexpected end|Unexpected EOF|not recoverable/.test(line));
    throw new Error([...(spoken.length > 0 ? spoken : said).slice(0, 2), ...failures.slice(0, 1)].join("; "));
  }
}

/** Whether two hosts are one machine, as one OS user. */
export function areOne(one: Host, other: Host): boolean {
  return one.machine === other.machine && one.user === other.user;
}

/** Counts up to what was promised, since tar's bytes are not those of the files: the rest comes with `finish`. */
export function bounded(total: number, advance: (bytes: number) => void) {
  let left = total;
  const pass = (bytes: number) => {
    const now = Math.min(bytes, left);
    left -= now;
    if (now > 0) advance(now);
  };
  return { pass, finish: () => pass(left) };
}

/** Paths have no line break (the callers have looked), so that quoted words are what they say. */
function pipe({ args }: Stage, script: string): string {
  return `sh -c "${script}" sh ${quoteAll(args)}`;
}

function alone({ script, args }: Stage, descriptor: 1 | 2): readonly string[] {
  return grouped(["sh", "-c", `exec 3>&${descriptor}; exec sh -c "$0" sh "$@"`, script, ...args]);
}

/** All of them end when the one that we know of is ended. */
const grouping = `exec 5<&0
setsid -- "$@" <&5 5<&- &
group=$!
trap 'kill -s TERM -- "-$group" 2>/dev/null' EXIT
trap 'exit 143' TERM HUP INT
wait "$group"`;

function grouped(argv: readonly string[]): readonly string[] {
  return ["sh", "-c", grouping, "sh", ...argv];
}

/** As much as a pipe holds: programs that wait for more before they go on take turns instead of working at the same time. */
export const blockBytes = 64 * 1024;
/** tar says how far it is every 8 MiB. */
export const tarRecords = [`--blocking-factor=${blockBytes / 512}`, "--checkpoint=128"];

/**
 * For scripts: a program whose every line on standard error, and then how it ended, comes whole on descriptor 3. Programs
 * write their lines in pieces, and several of them speak at once.
 */
export const speaking = `said() {
  while IFS= read -r line || [ -n "$line" ]; do printf '%s\\n' "$line"; done >&3
}`;
export function spoken(name: string, program: string, afterwards = ":"): string {
  return `{
  { ${program} 2>&6; code=$?; ${afterwards}; echo "ended ${name} $code" >&6; } 6>&1 >&5 | said
} 5>&1`;
}

/** How far a tar is, in bytes. */
export function checkpointIn(line: string): number | undefined {
  const found = /^tar: (?:Write|Read) checkpoint (\d+)/.exec(line)?.[1];
  return found === undefined ? undefined : Number(found) * blockBytes;
}
