import type { Endpoint, Passwords, Server, Site } from "../../config/site.js";
import type { Login } from "./session.js";

export function serverNamed(site: Site, name: string): Server {
  const server = site.servers.find((candidate) => candidate.name === name);
  if (server === undefined) {
    const names = site.servers.map((candidate) => candidate.name).join(", ");
    throw new Error(`the stack ${site.stack} has no server "${name}"; it has ${names}`);
  }
  return server;
}

/** Everything that may be writable in the site: the stack's servers, and the upstream outside it. */
export function endpointsOf(site: Site): readonly Endpoint[] {
  return [...site.servers, ...(site.upstream === undefined ? [] : [site.upstream])];
}

/** How pgsite logs in. @throws where the stack has no password for it */
export function administratorOf(site: Site, passwords: Passwords): Login {
  const password = passwords[site.administrator];
  if (password === undefined) throw new Error(`the stack ${site.stack} has no password for ${site.administrator}`);
  return { user: site.administrator, password };
}
