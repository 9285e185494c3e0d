import type { Server } from "../config/site.js";
import { DumpRefused } from "../servers/dump/refused.js";
import { administratorOf } from "../servers/sql/login.js";
import { findWritable } from "../servers/sql/writable.js";
import { type FoundServer, findServer } from "./find.js";
import { loadSites } from "./load.js";

/**
 * The server that a command about a database is for: the one that is named, else the one that takes writes.
 * @throws with the names that there are; DumpRefused where none of them takes writes
 */
export async function writableServer({
  server: name,
  stack,
}: {
  readonly server?: string;
  readonly stack?: readonly string[];
}): Promise<FoundServer> {
  if (name !== undefined) return findServer(name, stack);
  const loaded = await loadSites(stack);
  const found: FoundServer[] = [];
  const because: string[] = [];
  for (const one of loaded) {
    const { site, passwords, signal } = one;
    const servers: readonly Server[] = site.servers.filter(({ lost }) => lost === undefined);
    const { writable, states } = await findWritable(servers, administratorOf(site, passwords), { signal });
    if (writable !== undefined) found.push({ ...one, server: writable });
    because.push(
      ...states.flatMap(({ endpoint, state, unreachable }) =>
        state === "writable" ? [] : [unreachable?.message ?? `${endpoint.name} is in recovery`],
      ),
    );
  }
  const [first] = found;
  if (first === undefined) {
    throw new DumpRefused({ code: "not writable", site: loaded.map(({ site }) => site.name).join(", "), because });
  }
  if (found.length > 1) {
    throw new Error(`name a server (--server): there are ${found.map(({ server }) => server.name).join(", ")}`);
  }
  return first;
}
