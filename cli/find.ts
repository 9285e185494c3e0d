import type { Server } from "../config/site.js";
import { shown, shownJson } from "../postgres/shown.js";
import { type LoadedSite, loadSites } from "./load.js";

/** The site that has a server, with the server. */
export interface FoundServer extends LoadedSite {
  readonly server: Server;
}

/**
 * Finds the server that a command is about: by its argument, else by PGSITE_SERVER.
 * @param stacks stacks to look in; @default all
 */
export async function findServer(name: string | undefined, stacks?: readonly string[]): Promise<FoundServer> {
  const wanted = name ?? process.env.PGSITE_SERVER;
  if (wanted === undefined) throw new Error("name a server: pgsite COMMAND SERVER");
  const sites = await loadSites(stacks);
  for (const loaded of sites) {
    const server = loaded.site.servers.find((candidate) => candidate.name === wanted);
    if (server !== undefined) return { ...loaded, server };
  }
  const names = sites.flatMap(({ site }) => site.servers.map((server) => server.name));
  throw new Error(
    `there is no server "${wanted}" in ${sites.map(({ site }) => site.stack).join(", ")}; there are ${names.join(", ")}`,
  );
}

/** Prints for people. */
export function say(text: string): void {
  process.stdout.write(`${shown(text)}\n`);
}

/** Prints for programs. */
export function sayJson(value: unknown): void {
  process.stdout.write(`${shownJson(value)}\n`);
}
