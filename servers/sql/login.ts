import type { Endpoint, KnownSite, Passwords, Server, Site } from "../../config/site.js";
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
export function endpointsOf(site: Pick<KnownSite, "servers" | "upstream" | "others">): readonly Endpoint[] {
  return [...site.servers, ...(site.upstream === undefined ? [] : [site.upstream]), ...(site.others ?? [])];
}

/** How pgsite logs in. @throws where the stack has no password for it */
export function administratorOf(
  { administrator, stack }: Pick<KnownSite, "administrator" | "stack">,
  passwords: Passwords,
): Login {
  const password = passwords[administrator];
  const whose = stack === undefined ? "there is" : `the stack ${stack} has`;
  if (password === undefined) throw new Error(`${whose} no password for ${administrator}`);
  return { user: administrator, password };
}
