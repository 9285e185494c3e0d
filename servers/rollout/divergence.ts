import type { Divergence, Fork, Rejoin } from "../../postgres/rollout/model.js";
import type { Major } from "../../postgres/versions.js";
import type { Located, LookAt } from "../status/look.js";
import type { Parting } from "../wal/divergence.js";
import type { Branch } from "../wal/timelines.js";
import { ifTold } from "./ifTold.js";
import type { Observed, RolloutServer } from "./state.js";

interface Member extends Located {
  readonly name: string;
  readonly role: string;
  readonly version: Major;
}

/**
 * Servers that cannot follow a primary as they are, each with why. Read from their files; of what cannot be read nothing is
 * said.
 * @param primary the server that takes writes, or did so last
 */
export async function divergedServers(
  servers: Readonly<Record<string, Member>>,
  primary: Member,
  lookAt: LookAt,
): Promise<Readonly<Record<string, Divergence>>> {
  const found = await branches(servers, primary, lookAt);
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

async function branches(
  servers: Readonly<Record<string, Member>>,
  primary: Member,
  lookAt: LookAt,
): Promise<Readonly<Record<string, Found>>> {
  const { divergence, forkOf } = await import("../wal/timelines.js");
  const { lsnOf } = await import("../sql/sql.js");
  const branchOf = (server: Member) => ifTold(async () => (await lookAt(server)).branch(server.version));
  const followed = ifTold(async () => (await lookAt(primary)).branchAsPrimary(primary.version));
  const found = await Promise.all(
    Object.entries(servers).map(async ([name, server]) => {
      const [branch, site] = await Promise.all([server === primary ? undefined : branchOf(server), followed]);
      if (branch === undefined || site === undefined) return [];
      const known = divergence(branch, site);
      const left = forkOf(branch, site);
      const parted = left === undefined || known !== undefined ? undefined : await beyond(server, branch, site, lookAt);
      const wentOn = ({ timeline, beyond }: Parting) =>
        ({
          kind: beyond === "certainly" ? "went on" : "untold",
          timeline,
          primaryTimeline: site.timeline,
        }) as const;
      const why = known ?? (parted === undefined ? undefined : wentOn(parted));
      const where = parted ?? left;
      const fork =
        where === undefined
          ? {}
          : {
              fork: {
                timeline: where.timeline,
                primary: primary.name,
                primaryTimeline: site.timeline,
                at: lsnOf(where.until),
                ...(where.latest === undefined ? {} : { latest: lsnOf(where.latest) }),
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
async function beyond(server: Member, own: Branch, site: Branch, lookAt: LookAt): Promise<Parting | undefined> {
  const { partedAt } = await import("../wal/divergence.js");
  return ifTold(async () => partedAt({ ...server, host: (await lookAt(server)).host }, own, site));
}

type Observations = Readonly<Record<string, Observed>>;

/**
 * What was observed of servers, with those marked that have diverged, and of those that can rejoin how. Ways are looked for only
 * where a server has diverged.
 */
export async function markDiverged<O extends Observed>(
  observed: Readonly<Record<string, O>>,
  servers: Readonly<Record<string, RolloutServer>>,
  lookAt: LookAt,
): Promise<Readonly<Record<string, O & Pick<Observed, "diverged" | "rejoin">>>> {
  const primary = writerOf(observed, servers);
  const found = primary === undefined ? {} : await branches(servers, primary, lookAt);
  const marked = await Promise.all(
    Object.entries(observed).map(async ([name, { diverged: _diverged, rejoin: _rejoin, ...rest }]) => {
      const one = rest as unknown as O;
      const { diverged, fork } = found[name] ?? {};
      const end = endOf(one, diverged !== undefined);
      const writes = primary?.role === "primary" && observed[primary.name]?.recovery === false;
      if (primary !== undefined && fork !== undefined && end !== undefined && writes && one.data === "present") {
        const rejoin = await decide(servers, name, primary, { ...fork, end, recovers: one.recovery }, observed, lookAt);
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
  lookAt: LookAt,
): Promise<Rejoin | undefined> {
  const [{ decideRejoin }, { serverOf }, { inForce }, { Effective }] = await Promise.all([
    import("../rejoin/decide.js"),
    import("./site.js"),
    import("./plan.js"),
    import("../../postgres/settings/effective.js"),
  ]);
  const member = async (server: RolloutServer) => ({ server: serverOf(server), host: (await lookAt(server)).host });
  const settings = new Effective(primary.version, inForce(observed[primary.name] as Observed));
  return ifTold(async () => {
    const diverged = { member: await member(servers[name] as RolloutServer), primary: await member(primary), fork };
    return decideRejoin(diverged, { fullPageWrites: settings.on("full_page_writes") });
  });
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
