import { controlDirectoryOf } from "../../config/controlDirectory.js";
import type { Behind, Divergence, Fork, Rejoin } from "../../postgres/rollout/diverged.js";
import { followsOver } from "../../postgres/rollout/promotion.js";
import type { Major } from "../../postgres/versions.js";
import type { Standing } from "../rejoin/standing.js";
import type { Located, LookAt } from "../status/look.js";
import { ifTold } from "./ifTold.js";
import type { Observed, RolloutArgs, RolloutServer } from "./state.js";

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
  const found = await standings(servers, primary, lookAt);
  return Object.fromEntries(
    Object.entries(found).flatMap(([name, { diverged }]) => (diverged === undefined ? [] : [[name, diverged]])),
  );
}

async function standings(
  servers: Readonly<Record<string, Member>>,
  primary: Member,
  lookAt: LookAt,
): Promise<Readonly<Record<string, Standing>>> {
  const { standingOf } = await import("../rejoin/standing.js");
  const branchOf = (server: Member) => ifTold(async () => (await lookAt(server)).branch(server.version));
  const followed = ifTold(async () => (await lookAt(primary)).branchAsPrimary(primary.version));
  const found = await Promise.all(
    Object.entries(servers).map(async ([name, server]) => {
      const [own, site] = await Promise.all([server === primary ? undefined : branchOf(server), followed]);
      if (own === undefined || site === undefined) return [];
      const placeOf = () => placeAt(server, lookAt);
      const standing = await ifTold(() => standingOf(own, site, primary.name, { version: server.version, placeOf }));
      return standing === undefined ? [] : [[name, standing] as const];
    }),
  );
  return Object.fromEntries(found.flat());
}

async function placeAt({ dataDirectory, version, ...server }: Member, lookAt: LookAt) {
  return { host: (await lookAt({ ...server, dataDirectory })).host, dataDirectory, version };
}

type Observations = Readonly<Record<string, Observed>>;
type Site = Pick<RolloutArgs, "servers" | "upstream" | "others">;

/**
 * What was observed of servers, with those marked that have diverged, and of those that can rejoin, or are to be seeded again, how.
 * Ways are looked for only where a server does not follow as it is.
 */
export async function markDiverged<O extends Observed>(
  observed: Readonly<Record<string, O>>,
  site: Site,
  lookAt: LookAt,
): Promise<Readonly<Record<string, O & Pick<Observed, "diverged" | "rejoin" | "behind">>>> {
  const { servers } = site;
  const primary = writerOf(observed, servers) ?? (await outsideWriter(observed, site, lookAt));
  const found = primary === undefined ? {} : await standings(servers, primary, lookAt);
  const isOutside = primary !== undefined && servers[primary.name] === undefined;
  const writes = isOutside || (primary?.role === "primary" && observed[primary.name]?.recovery === false);
  const marked = await Promise.all(
    Object.entries(observed).map(async ([name, { diverged: _diverged, rejoin: _rejoin, behind: _behind, ...rest }]) => {
      const one = rest as unknown as O;
      const standing = found[name];
      if (primary === undefined || standing === undefined || !writes || one.data !== "present") {
        const diverged = standing?.diverged;
        return [name, diverged === undefined ? one : { ...one, diverged }] as const;
      }
      const parties: Parties = { site, observed, name, primary, lookAt };
      const rejoin = await rejoinOf(parties, standing);
      if (rejoin !== undefined) return [name, { ...one, rejoin }] as const;
      const behind = await behindOf(parties, standing);
      if (behind !== undefined) return [name, { ...one, behind }] as const;
      return [name, standing.diverged === undefined ? one : { ...one, diverged: standing.diverged }] as const;
    }),
  );
  return Object.fromEntries(marked);
}

/** A server, and the one that it is to follow, which takes writes. */
interface Parties {
  readonly site: Site;
  readonly observed: Observations;
  readonly name: string;
  readonly primary: Member;
  readonly lookAt: LookAt;
}

/** How a server becomes a standby again that went its own way. Undefined where it did not, or a host cannot be asked: then nothing is done to it. */
async function rejoinOf(parties: Parties, standing: Standing): Promise<Rejoin | undefined> {
  const is = parties.observed[parties.name] as Observed;
  const fork = standing.fork ?? (await besideIt(parties, standing));
  const isBeside = fork !== undefined && fork.timeline === fork.primaryTimeline;
  const end = endOf(is, standing.diverged !== undefined || isBeside);
  return fork === undefined || end === undefined ? undefined : decide(parties, { ...fork, end, recovers: is.recovery });
}

/** How a server ended whose timeline was left; undefined where it may follow as it is. */
function endOf({ recovery, state, shutDown }: Observed, diverged: boolean): Fork["end"] | undefined {
  if (!recovery && state !== "stopped") return "writes";
  if (!recovery && shutDown !== true) return "crashed";
  return diverged ? "on" : undefined;
}

/**
 * Where a server and its primary parted that take writes on one timeline, or did: one of them was started without what makes it a
 * standby. Undefined where it is in recovery, or has nothing that the primary has not.
 */
async function besideIt(
  { observed, name, site, primary, lookAt }: Parties,
  { branch, diverged }: Standing,
): Promise<Standing["fork"]> {
  const is = observed[name] as Observed;
  const server = site.servers[name];
  if (is.recovery || diverged !== undefined || server === undefined) return undefined;
  const { isBeginningOf, partsAt } = await import("../rejoin/parted.js");
  const { lsnOf } = await import("../sql/sql.js");
  return ifTold(async () => {
    const theirs = await (await lookAt(primary)).branchAsPrimary(primary.version);
    if (theirs?.timeline !== branch.timeline || theirs.cluster !== branch.cluster) return undefined;
    const [own, other] = await Promise.all([placeAt(server, lookAt), placeAt(primary, lookAt)]);
    if (is.state === "stopped" && is.shutDown === true && (await isBeginningOf(own, other))) return undefined;
    const at = await partsAt(own, other, branch.timeline);
    const where = at === undefined ? {} : { at: lsnOf(at) };
    return { timeline: branch.timeline, primary: primary.name, primaryTimeline: theirs.timeline, ...where };
  });
}

async function decide({ site, observed, name, primary, lookAt }: Parties, fork: Fork): Promise<Rejoin | undefined> {
  const [{ decideRejoin }, { inForce }, { Effective }] = await Promise.all([
    import("../rejoin/decide.js"),
    import("./plan.js"),
    import("../../postgres/settings/effective.js"),
  ]);
  const known = observed[primary.name];
  // Of one outside nothing is known of that: pg_rewind itself asks it.
  const fullPageWrites = known === undefined || new Effective(primary.version, inForce(known)).on("full_page_writes");
  return ifTold(async () =>
    decideRejoin({ ...(await partiesAt(site, name, primary, lookAt)), fork }, { fullPageWrites }),
  );
}

/** How a server is seeded again that is merely behind, and does not follow over the line. */
async function behindOf({ site, name, primary, lookAt }: Parties, { behind }: Standing): Promise<Behind | undefined> {
  if (behind === undefined) return undefined;
  const { decideSeed } = await import("../rejoin/decide.js");
  return ifTold(async () => {
    const decided = await decideSeed(await partiesAt(site, name, primary, lookAt));
    return { ...decided, primary: primary.name, timelines: behind };
  });
}

async function partiesAt(site: Site, name: string, primary: Member, lookAt: LookAt) {
  const { serverOf } = await import("./site.js");
  const { outsideOf } = await import("./member.js");
  const server = site.servers[name] as RolloutServer;
  const within = site.servers[primary.name];
  const outside = outsideOf(site).find((one) => one.name === primary.name);
  const source =
    within !== undefined
      ? serverOf(within)
      : outside === undefined
        ? undefined
        : { ...outside, version: server.version };
  if (source === undefined) throw new Error(`${primary.name} is no server of this site`);
  return {
    member: { server: serverOf(server), host: (await lookAt(server)).host },
    primary: { server: source, host: (await lookAt(primary)).host },
  };
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

/**
 * The server outside of a stack of mirrors that takes writes, by its control file. It is looked at only where that decides
 * anything: where mirrors do not follow over the line, or one of them takes writes itself.
 */
async function outsideWriter(observed: Observations, site: Site, lookAt: LookAt): Promise<Member | undefined> {
  const [any] = Object.values(site.servers);
  const isOdd = ({ data, recovery }: Observed) => data === "present" && !recovery;
  if (any === undefined || (followsOver(any.version) && !Object.values(observed).some(isOdd))) return undefined;
  const { outsideOf } = await import("./member.js");
  const { recordedRole } = await import("../../postgres/wal/controlFile.js");
  const found = await Promise.all(
    outsideOf(site).map(async ({ name, host, dataDirectory }) => {
      const controlDirectory = controlDirectoryOf(dataDirectory);
      const member: Member = { name, host, dataDirectory, controlDirectory, role: "primary", version: any.version };
      const control = await ifTold(async () => (await lookAt(member)).control());
      return control !== undefined && recordedRole(control) === "primary" ? [member] : [];
    }),
  );
  const [only, second] = found.flat();
  return second === undefined ? only : undefined;
}
