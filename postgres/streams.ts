import { atLeast, type Major } from "./versions.js";

/** A standby, as it takes to know its stream among those of its upstream. */
export interface Streaming {
  readonly name: string;
  /** As declared. @default its own name */
  readonly applicationName?: string | undefined;
  readonly address: string;
  readonly host: { readonly address: string };
  readonly version: Major;
  readonly settings: Readonly<Record<string, string>>;
  /** Absent where it takes writes. */
  readonly upstream?: string | undefined;
}

/** A row of pg_stat_replication. */
export interface SenderRow {
  readonly name: string;
  readonly state: string;
  /** Where it connects from; null by a socket. */
  readonly from?: string | null;
}

/**
 * Names under which a standby may stream, the declared one first: one that was made by hand, or has not been restarted since
 * that changed, streams by its own name, or as libpq calls it that is told none (cluster_name, from 12 on).
 */
export function streamNames({ name, applicationName = name, version, settings }: Streaming): readonly string[] {
  const cluster = atLeast(version, "12") ? (settings.cluster_name ?? "") : "";
  return [...new Set([applicationName, name, ...(cluster === "" ? [] : [cluster]), "walreceiver"])];
}

/** The declared name under which a server streams. */
export function streamNameOf({ name, applicationName }: Pick<Streaming, "name" | "applicationName">): string {
  return applicationName ?? name;
}

/**
 * The walsender of a standby among those of its upstream. A name that another standby may stream under too (Debian's packages
 * call all of them 15/main) tells nothing alone: then it is the one that comes from the standby's address.
 * @param site its servers, and itself among them or not
 */
export function senderFor<Row extends SenderRow>(
  rows: readonly Row[],
  server: Streaming,
  site: readonly Streaming[],
): Row | undefined {
  const others = site.filter((other) => other.name !== server.name && other.upstream !== undefined);
  const [declared] = streamNames(server);
  for (const name of streamNames(server)) {
    const named = rows.filter((row) => row.name === name);
    if (named.length === 0) continue;
    const near = named.filter(({ from }) => from != null && [server.address, server.host.address].includes(from));
    if (near.length > 0) return best(near);
    // Another that streams under its own declared name does not stream under this one.
    const isOthers = (other: Streaming) => {
      const [theirs] = streamNames(other);
      if (name === declared) return theirs === name;
      return theirs === name || (streamNames(other).includes(name) && !rows.some((row) => row.name === theirs));
    };
    if (!others.some(isOthers)) {
      if (name === declared || named.length === 1) return best(named);
    }
  }
  return undefined;
}

/** One that was cut off may be seen beside the one that came in its place. */
function best<Row extends SenderRow>(rows: readonly Row[]): Row | undefined {
  return rows.find(({ state }) => state === "streaming") ?? rows[0];
}
