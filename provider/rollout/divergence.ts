import { join } from "node:path";
import type { Host, HostSpec } from "../../hosts/host.js";
import { controlLength } from "../../postgres/control-file.js";
import type { Major } from "../../postgres/versions.js";

interface Member {
  readonly role: string;
  readonly host: HostSpec;
  readonly dataDirectory: string;
  readonly version: Major;
}

/** What to do about it: only people know what the data are worth that no other server has. */
const remedy = "save what it alone has, then rewind it (pg_rewind), or move its data directory away and run pulumi up";

/**
 * Standbys that can never again follow a primary, each with why and what to do. Read from their files; of what cannot be
 * read nothing is said.
 * @param primary the server that takes writes, or did so last
 */
export async function divergedServers(
  servers: Readonly<Record<string, Member>>,
  primary: Member,
  hostOf: (spec: HostSpec) => Host | Promise<Host>,
): Promise<Readonly<Record<string, string>>> {
  const { branchOf, divergence } = await import("../../servers/timelines.js");
  const look = async ({ host: spec, dataDirectory, version }: Member) => {
    try {
      const host = await hostOf(spec);
      const control = await host.readBytes(join(dataDirectory, "global", "pg_control"), 0, controlLength);
      return control === undefined ? undefined : await branchOf(host, dataDirectory, version, control);
    } catch {
      return undefined;
    }
  };
  const followed = look(primary);
  const found = await Promise.all(
    Object.entries(servers).map(async ([name, server]) => {
      const [own, site] = await Promise.all([server === primary ? undefined : look(server), followed]);
      const why = own === undefined || site === undefined ? undefined : divergence(own, site);
      return why === undefined ? [] : [[name, `${why} (${remedy})`] as const];
    }),
  );
  return Object.fromEntries(found.flat());
}

/** What was observed of servers, with those marked that have diverged. */
export async function markDiverged<O extends { readonly recovery: boolean }>(
  observed: Readonly<Record<string, O>>,
  servers: Readonly<Record<string, Member>>,
  hostOf: (spec: HostSpec) => Host | Promise<Host>,
): Promise<Readonly<Record<string, O & { readonly diverged?: string }>>> {
  const primary = writerOf(observed, servers);
  const diverged = primary === undefined ? {} : await divergedServers(servers, primary, hostOf);
  return Object.fromEntries(
    Object.entries(observed).map(([name, one]) => {
      const why = diverged[name];
      return [name, why === undefined ? one : { ...one, diverged: why }];
    }),
  );
}

/** The declared primary, unless that is still the standby of one that is declared otherwise. */
function writerOf(
  observed: Readonly<Record<string, { readonly recovery: boolean }>>,
  servers: Readonly<Record<string, Member>>,
): Member | undefined {
  const names = Object.keys(servers);
  const declared = names.find((name) => servers[name]?.role === "primary");
  const writing = names.filter((name) => observed[name]?.recovery === false);
  const [only] = declared !== undefined && observed[declared]?.recovery === true && writing.length === 1 ? writing : [];
  return servers[only ?? declared ?? ""];
}
