import type { Host, HostSpec } from "../../hosts/host.js";
import type { Divergence, Fork, Rejoin } from "../../postgres/rollout/model.js";
import type { Major } from "../../postgres/versions.js";
import { readControlFile } from "../data/controlFile.js";
import type { Branch } from "../wal/timelines.js";
import type { Observed, RolloutServer } from "./state.js";

interface Member {
  readonly name: string;
  readonly role: string;
  readonly host: HostSpec;
  readonly dataDirectory: string;
  readonly version: Major;
}

type HostOf = (spec: HostSpec) => Host | Promise<Host>;

/**
 * Servers that cannot follow a primary as they are, each with why. Read from their files; of what cannot be read nothing is
 * said.
 * @param primary the server that takes writes, or did so last
 */
export async function divergedServers(
  servers: Readonly<Record<string, Member>>,
  primary: Member,
  hostOf: HostOf,
): Promise<Readonly<Record<string, Divergence>>> {
  const found = await lookAt(servers, primary, hostOf);
  return Object.fromEntries(
    Object.entries(found).flatMap(([name, { diverged }]) => (diverged === undefined ? [] : [[name, diverged]])),
  );
}

interface Found {
  readonly branch: Branch;
  readonly diverged?: Divergence;
  /** Where the primary left its timeline. */
  readonly fork?: Omit<Fork, "end" | "recovers">;
}

async function lookAt(
  servers: Readonly<Record<string, Member>>,
  primary: Member,
  hostOf: HostOf,
): Promise<Readonly<Record<string, Found>>> {
  const { branchOf, divergence, forkOf } = await import("../wal/timelines.js");
  const { lsnOf } = await import("../sql/sql.js");
  const look = async ({ host: spec, dataDirectory, version }: Member) => {
    try {
      const host = await hostOf(spec);
      const control = await readControlFile(host, dataDirectory);
      return control === undefined ? undefined : await branchOf(host, dataDirectory, version, control);
    } catch {
      return undefined;
    }
  };
  const followed = look(primary);
  const found = await Promise.all(
    Object.entries(servers).map(async ([name, server]) => {
      const [branch, site] = await Promise.all([server === primary ? undefined : look(server), followed]);
      if (branch === undefined || site === undefined) return [];
      const known = divergence(branch, site);
      const left = forkOf(branch, site);
      const parted = left === undefined || known !== undefined ? undefined : await beyond(server, branch, site, hostOf);
      const wentOn = (timeline: number) => ({ kind: "went on", timeline, primaryTimeline: site.timeline }) as const;
      const why = known ?? (parted === undefined ? undefined : wentOn(parted.timeline));
      const fork =
        left === undefined
          ? {}
          : {
              fork: {
                timeline: parted?.timeline ?? branch.timeline,
                primary: primary.name,
                primaryTimeline: site.timeline,
                at: lsnOf(parted?.until ?? left),
              },
            };
      // Where the primary's own timeline is the one that was left, it may be the wrong one that is declared.
      const remedy = left !== undefined ? "rejoin" : forkOf(site, branch) !== undefined ? "choose" : "by hand";
      const diverged: Pick<Found, "diverged"> = why === undefined ? {} : { diverged: { ...why, remedy } };
      return [[name, { branch, ...diverged, ...fork }] as const];
    }),
  );
  return Object.fromEntries(found.flat());
}

/** Where a server has WAL beyond what the primary has, though its last checkpoint is before that. */
async function beyond(
  { host: spec, dataDirectory, version }: Member,
  own: Branch,
  site: Branch,
  hostOf: HostOf,
): Promise<{ readonly timeline: number; readonly until: bigint } | undefined> {
  const { partedAt } = await import("../wal/divergence.js");
  try {
    return await partedAt({ host: await hostOf(spec), dataDirectory, version }, own, site);
  } catch {
    return undefined;
  }
}

type Observations = Readonly<Record<string, Observed>>;

/**
 * What was observed of servers, with those marked that have diverged, and of those that can rejoin how. Ways are looked for only
 * where a server has diverged.
 */
export async function markDiverged<O extends Observed>(
  observed: Readonly<Record<string, O>>,
  servers: Readonly<Record<string, RolloutServer>>,
  hostOf: HostOf,
): Promise<Readonly<Record<string, O & Pick<Observed, "diverged" | "rejoin">>>> {
  const primary = writerOf(observed, servers);
  const found = primary === undefined ? {} : await lookAt(servers, primary, hostOf);
  const marked = await Promise.all(
    Object.entries(observed).map(async ([name, { diverged: _diverged, rejoin: _rejoin, ...rest }]) => {
      const one = rest as unknown as O;
      const { diverged, fork } = found[name] ?? {};
      const end = endOf(one, diverged !== undefined);
      const writes = primary?.role === "primary" && observed[primary.name]?.recovery === false;
      if (primary !== undefined && fork !== undefined && end !== undefined && writes && one.data === "present") {
        const rejoin = await decide(servers, name, primary, { ...fork, end, recovers: one.recovery }, observed, hostOf);
        if (rejoin !== undefined) return [name, { ...one, rejoin }] as const;
      }
      return [name, diverged === undefined ? one : { ...one, diverged }] as const;
    }),
  );
  return Object.fromEntries(marked);
}

/** How a server whose timeline was left ended there; undefined where it may follow as it is. */
function endOf({ recovery, state, shutDown }: Observed, diverged: boolean): Fork["end"] | undefined {
  if (!recovery && state !== "stopped") return "writes";
  if (!recovery && shutDown !== true) return "crashed";
  return diverged ? "on" : undefined;
}

/** Undefined where a host cannot be asked: then nothing is done to it. */
async function decide(
  servers: Readonly<Record<string, RolloutServer>>,
  name: string,
  primary: RolloutServer,
  fork: Fork,
  observed: Observations,
  hostOf: HostOf,
): Promise<Rejoin | undefined> {
  const [{ decideRejoin }, { serverOf }, { inForce }, { Effective }] = await Promise.all([
    import("../rejoin/decide.js"),
    import("./site.js"),
    import("./plan.js"),
    import("../../postgres/settings/effective.js"),
  ]);
  const member = async (server: RolloutServer) => ({ server: serverOf(server), host: await hostOf(server.host) });
  try {
    const settings = new Effective(primary.version, inForce(observed[primary.name] as Observed));
    const diverged = { member: await member(servers[name] as RolloutServer), primary: await member(primary), fork };
    return await decideRejoin(diverged, { fullPageWrites: settings.on("full_page_writes") });
  } catch {
    return undefined;
  }
}

/** The declared primary, unless that is still the standby of one that is declared otherwise. */
function writerOf<S extends Member>(
  observed: Readonly<Record<string, { readonly recovery: boolean }>>,
  servers: Readonly<Record<string, S>>,
): S | undefined {
  const names = Object.keys(servers);
  const declared = names.find((name) => servers[name]?.role === "primary");
  const writing = names.filter((name) => observed[name]?.recovery === false);
  const [only] = declared !== undefined && observed[declared]?.recovery === true && writing.length === 1 ? writing : [];
  return servers[only ?? declared ?? ""];
}
