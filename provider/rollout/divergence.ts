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
 * Standbys that can never again follow the primary of their stack, each with why and what to do. Read from their files;
 * of what cannot be read nothing is said.
 */
export async function divergedServers(
  servers: Readonly<Record<string, Member>>,
  hostOf: (spec: HostSpec) => Host | Promise<Host>,
): Promise<Readonly<Record<string, string>>> {
  const primary = Object.values(servers).find(({ role }) => role === "primary");
  if (primary === undefined) return {};
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
export async function markDiverged<O extends object>(
  observed: Readonly<Record<string, O>>,
  servers: Readonly<Record<string, Member>>,
  hostOf: (spec: HostSpec) => Host | Promise<Host>,
): Promise<Readonly<Record<string, O & { readonly diverged?: string }>>> {
  const diverged = await divergedServers(servers, hostOf);
  return Object.fromEntries(
    Object.entries(observed).map(([name, one]) => {
      const why = diverged[name];
      return [name, why === undefined ? one : { ...one, diverged: why }];
    }),
  );
}
