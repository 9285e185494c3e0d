import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Server } from "../../config/site.js";
import { postmasterOf } from "./rolloutWatch.js";

/** How far a rollout of `max_connections` has come, by what it leaves on the hosts. */
export interface Phase {
  readonly name: string;
  /** Looked at all the time; must be quick. */
  readonly reached: () => boolean;
}

const declared = (text: string, value: string) => text.includes(`max_connections = '${value}'`);

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Where the first server of a rollout to `value` is, whose process was `pid` before it. */
export function phasesOf(first: Server, others: readonly Server[], value: string, pid: number | undefined): Phase[] {
  const staged = (server: Server) => {
    const folder = join(server.controlDirectory, "staged");
    return existsSync(folder) && readdirSync(folder).length > 0;
  };
  const pending = (server: Server) => existsSync(join(server.controlDirectory, "pending.json"));
  const installed = (server: Server) => declared(read(join(server.dataDirectory, "postgresql.conf")), value);
  return [
    { name: "everything is staged", reached: () => [first, ...others].every(staged) },
    {
      name: "files are installed and not in force",
      reached: () => pending(first) && installed(first) && postmasterOf(first).pid === pid,
    },
    { name: "the server is stopped", reached: () => pending(first) && postmasterOf(first).pid === undefined },
    {
      name: "the server starts",
      reached: () => {
        const now = postmasterOf(first);
        return now.pid !== undefined && now.pid !== pid;
      },
    },
    {
      name: "the first is in force and not yet proven",
      reached: () => postmasterOf(first).up && postmasterOf(first).pid !== pid && !pending(first),
    },
    { name: "the next is begun", reached: () => others.some(pending) },
  ];
}
