import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Host, HostError } from "../../hosts/host.js";
import { type JobEvent, parseEvent } from "./events.js";

/** A host has not got the programs: the stack that declares them is not up. */
export class NotInstalled extends HostError {
  constructor(
    readonly host: string,
    readonly path: string,
  ) {
    super(`${host} has no ${path}: pulumi up installs what the stack declares of backups`);
    this.name = "NotInstalled";
  }
}

/** The exit status of a shell that finds no such program. */
const notFound = 127;

export interface InstalledProgram {
  readonly host: Host;
  /** Of the programs: `DATADIRECTORY.pgsite/backups`. */
  readonly folder: string;
  readonly program: "backup" | "runs" | "restore" | "drill";
  readonly args?: readonly string[];
  readonly signal: AbortSignal;
}

/** What one that was ended says of itself; its words are its own, for people. */
export interface HowItEnded {
  readonly code: number;
  readonly stderr: string;
}

/**
 * Runs one of the programs on its host, and hands on what it says while it says it.
 * @throws NotInstalled @throws HostUnreachable
 */
export async function runInstalled(
  { host, folder, program, args = [], signal }: InstalledProgram,
  onEvent: (event: JobEvent) => void,
): Promise<HowItEnded> {
  const path = join(folder, program);
  const running = await host.spawn([path, "--events", ...args], { signal });
  running.stdin.end();
  for await (const line of createInterface({ input: running.stdout, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line !== "") onEvent(parseEvent(line));
  }
  const { code, stderr } = await running.ended;
  signal.throwIfAborted();
  if (code === notFound) throw new NotInstalled(host.name, path);
  return { code, stderr: stderr.trim() };
}
