import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Server } from "../../config/site.js";
import { atLeast } from "../../postgres/versions.js";

/** What the first lines and the status line of postmaster.pid say; `up`: its process is there and answers or recovers. */
export interface Postmaster {
  readonly pid: number | undefined;
  readonly status: string | undefined;
  readonly up: boolean;
}

/** Reads postmaster.pid. Before 10 it has no status: there a process is all that is known. */
export function postmasterOf({ dataDirectory, version }: Pick<Server, "dataDirectory" | "version">): Postmaster {
  let lines: readonly string[] = [];
  try {
    lines = readFileSync(join(dataDirectory, "postmaster.pid"), "utf8").split("\n");
  } catch {
    return { pid: undefined, status: undefined, up: false };
  }
  const pid = Number(lines[0]);
  const status = lines[7]?.trim();
  const there = Number.isInteger(pid) && pid > 0 && existsSync(`/proc/${pid}`);
  return {
    pid: there ? pid : undefined,
    status,
    up: there && (!atLeast(version, "10") || status === "ready" || status === "standby"),
  };
}

/** Looks at servers all the time: which was restarted when, and whether two were ever down together. */
export class Watch {
  /** Servers that came up as another process, in order. */
  readonly restarted: string[] = [];
  /** Servers that were seen down at one moment, where that was more than one: `des10 and server2`. */
  readonly together = new Set<string>();
  samples = 0;
  readonly #pids = new Map<string, number | undefined>();
  readonly #timer: NodeJS.Timeout;

  constructor(readonly servers: readonly Server[]) {
    for (const server of servers) this.#pids.set(server.name, postmasterOf(server).pid);
    this.#timer = setInterval(() => this.#look(), 5);
  }

  #look(): void {
    this.samples++;
    const down: string[] = [];
    for (const server of this.servers) {
      const { pid, up } = postmasterOf(server);
      if (!up) down.push(server.name);
      else if (pid !== this.#pids.get(server.name)) {
        this.#pids.set(server.name, pid);
        this.restarted.push(server.name);
      }
    }
    if (down.length > 1) this.together.add(down.sort().join(" and "));
  }

  /** Ends it, and what it saw. */
  stop(): { readonly restarted: readonly string[]; readonly together: readonly string[] } {
    this.#look();
    clearInterval(this.#timer);
    return { restarted: this.restarted, together: [...this.together] };
  }
}

const complaints = /recovery aborted|insufficient parameter settings|hot standby is not possible/;
const paused = /recovery has paused/;

/** Lines of the servers' logs that tell of a hot standby below its primary. @param byHand a test paused replay itself */
export function complaintsIn(servers: readonly Server[], byHand = false): readonly string[] {
  return servers.flatMap(({ name, controlDirectory }) =>
    readFileSync(join(controlDirectory, "start.log"), "utf8")
      .split("\n")
      .filter((line) => complaints.test(line) || (!byHand && paused.test(line)))
      .map((line) => `${name}: ${line}`),
  );
}
