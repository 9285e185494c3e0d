import { type Dirent, lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Control } from "./control.js";
import type { HostMachine } from "./machine.js";

type Machine = Pick<HostMachine, "name" | "isOn" | "pid" | "processes">;

export interface Watched {
  readonly hosts: readonly Machine[];
  readonly control: Pick<Control, "processes">;
  /** What no process may show. */
  readonly secret: string;
  /** By host: folders in which nobody but their owner may read anything, from the first moment on. */
  readonly folders: Readonly<Record<string, readonly string[]>>;
}

/** What Pulumi hands the program, and a provider named like the project: the configuration, to the same OS user alone. */
const pulumisOwn = /@pulumi\/pulumi\/cmd\/run|\/toolchain\/launch\/sdk\.js\0|^\/bin\/sh\0\S*\/pulumi-resource-pgsite\0/;

/** Looks at all processes of all hosts, and at the modes of what is being made there, every 50 ms until it is stopped. */
export class Watch {
  /** What was seen that may not be. */
  readonly found = new Set<string>();
  /** Programs that were seen on hosts: a watch that sees nothing finds nothing. */
  readonly programs = new Set<string>();
  samples = 0;
  #running = true;
  readonly #watching: Promise<void>;

  constructor(private readonly watched: Watched) {
    this.#watching = this.#watch();
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#watching;
  }

  async #watch(): Promise<void> {
    while (this.#running) {
      this.samples += 1;
      for (const machine of [...this.watched.hosts, this.watched.control]) this.#processes(machine);
      for (const host of this.watched.hosts) {
        for (const folder of this.watched.folders[host.name] ?? []) this.#modes(host, folder);
      }
      await sleep(50);
    }
  }

  #processes(machine: Pick<Machine, "processes">): void {
    const { secret } = this.watched;
    for (const [pid, words] of machine.processes()) {
      const [program = ""] = words.split("\0");
      if (machine !== this.watched.control) this.programs.add(program.split("/").at(-1)?.split(":")[0] ?? "");
      if (words.includes(secret)) this.found.add(`a command line: ${words.replaceAll("\0", " ")}`);
      if (!pulumisOwn.test(words) && environment(pid).includes(secret)) this.found.add(`the environment of ${words}`);
    }
  }

  #modes(host: Machine, folder: string): void {
    if (!host.isOn) return;
    for (const { path, mode, isLink } of entriesOf(`/proc/${host.pid}/root`, folder)) {
      if (!isLink && (mode & 0o077) !== 0) this.found.add(`${path} on ${host.name} has mode ${mode.toString(8)}`);
    }
  }
}

/** A folder and everything below it. What vanishes meanwhile is left out. */
export function* entriesOf(
  root: string,
  path: string,
): Generator<{ readonly path: string; readonly mode: number; readonly isLink: boolean; readonly isFolder: boolean }> {
  const status = lstatSync(root + path, { throwIfNoEntry: false });
  if (status === undefined) return;
  yield {
    path,
    mode: status.mode & 0o7777,
    isLink: status.isSymbolicLink(),
    isFolder: status.isDirectory(),
  };
  if (!status.isDirectory()) return;
  for (const { name } of listed(root + path)) yield* entriesOf(root, join(path, name));
}

function listed(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function environment(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1");
  } catch {
    return "";
  }
}
