import type { Site } from "../../config/site.js";
import type { StreamProblem } from "../../postgres/serverProblems.js";
import { problemsWith, type Report, type StatusRow } from "../../servers/status/report.js";

/*
 * Who streams from whom, of all stacks of a site together, as trees: pure. Where a report and the walsenders disagree, the
 * walsenders are believed, since they are there and what is declared may not be.
 */

/** What was found of a stack. */
export interface StackReport {
  readonly site: Pick<Site, "name" | "stack" | "servers">;
  readonly report: Pick<Report, "servers" | "streams" | "problems">;
}

/** A site, with each of its servers once. */
export interface SiteTopology {
  readonly site: string;
  readonly stacks: readonly string[];
  /** First what takes writes, then servers outside, circles, and who follows nobody. */
  readonly roots: readonly Place[];
  readonly writers: number;
  /** Whether all that may take writes was asked: none of it follows a server outside. */
  readonly whole: boolean;
}

/** A server in its tree. */
export interface Place {
  readonly name: string;
  /** Left out of one that no stack asked has. */
  readonly found?: { readonly stack: string; readonly row: StatusRow };
  /** How it gets its WAL; left out of one that takes writes, or follows nobody. */
  readonly edge?: Edge;
  readonly followers: readonly Place[];
}

export interface Edge {
  /** Who sends it. */
  readonly from: string;
  readonly streams: boolean;
  /** Why it does not, where that is known beside its state. */
  readonly off?: StreamProblem;
  /** The timeline of the sender, where that is known. */
  readonly timeline: number | null;
  /** Whom it is declared to follow, where that is another. */
  readonly declared?: string;
  /** It sends to itself by way of others: the drawing begins with it for want of a better place. */
  readonly circle?: true;
}

/** The trees of each site, in the order in which the sites were named. */
export function topologiesOf(stacks: readonly StackReport[]): readonly SiteTopology[] {
  return [...new Set(stacks.map(({ site }) => site.name))].map((name) =>
    topologyOf(
      name,
      stacks.filter(({ site }) => site.name === name),
    ),
  );
}

/** A server of the stacks, while it is not known where it belongs. */
interface Known {
  readonly stack: string;
  readonly row: StatusRow;
  readonly off?: StreamProblem;
  /** By the report it streams, or would be said not to. */
  readonly streams: boolean;
  /** What walsenders may call it. */
  readonly called: ReadonlySet<string>;
}

/** Whom a server gets its WAL from: one of the stacks, or one outside, by its name. */
type Sender = Known | string;

function topologyOf(site: string, stacks: readonly StackReport[]): SiteTopology {
  const all = stacks.flatMap(knownOf);
  const senders = new Map(all.map((known) => [known, senderOf(known, all)]));
  const drawn = new Set<Known>();

  const followersOf = (sender: Sender): readonly Place[] => {
    const declared = all.filter((one) => senders.get(one) === sender && !drawn.has(one));
    const known = declared.sort(byName).flatMap((one) => (drawn.has(one) ? [] : [placeOf(one)]));
    const strangers = typeof sender === "string" ? [] : strangersOf(sender, all);
    return [...known, ...strangers];
  };
  const placeOf = (known: Known, circle?: true): Place => {
    drawn.add(known);
    const { stack, row } = known;
    const sender = senders.get(known);
    const edge = sender === undefined ? {} : { edge: { ...edgeOf(known, sender), ...(circle ? { circle } : {}) } };
    return { name: row.name, found: { stack, row }, ...edge, followers: followersOf(known) };
  };

  const free = all.filter((one) => senders.get(one) === undefined).sort(byName);
  const writers = free.filter(writes).map((one) => placeOf(one));
  const outsiders = [...new Set([...senders.values()].filter((one) => typeof one === "string"))].sort();
  const outside = outsiders.map((name): Place => ({ name, followers: followersOf(name) }));
  const idle = free.filter((one) => !writes(one)).map((one) => placeOf(one));
  const circles: Place[] = [];
  for (let left = leftOf(all, drawn); left[0] !== undefined; left = leftOf(all, drawn)) {
    circles.push(placeOf(firstOfCircle(left[0], senders), true));
  }
  return {
    site,
    stacks: stacks.map(({ site: { stack } }) => stack),
    roots: [...writers, ...outside, ...circles, ...idle],
    writers: writers.length,
    whole: outside.length === 0,
  };
}

function knownOf({ site, report }: StackReport): readonly Known[] {
  return report.servers.map((server) => {
    const applicationName = site.servers.find(({ name }) => name === server.name)?.applicationName;
    const stream = report.streams.find((one) => one.server === server.name);
    const waits = server.late?.code === "delayed" && server.late.replaysFirst === true;
    return {
      stack: site.stack,
      row: { ...server, problems: problemsWith(report.problems, server.name) },
      ...(stream?.off === undefined ? {} : { off: stream.off }),
      streams: stream !== undefined && stream.off === undefined && !waits,
      called: new Set([
        server.name,
        applicationName ?? server.name,
        ...(server.receivesAt === undefined ? [] : [server.receivesAt]),
      ]),
    };
  });
}

function senderOf(known: Known, all: readonly Known[]): Sender | undefined {
  if (writes(known)) return undefined;
  const { upstream } = known.row;
  const declared =
    upstream === null
      ? undefined
      : (all.find(({ stack, row }) => row.name === upstream && stack === known.stack) ??
        all.find(({ row }) => row.name === upstream) ??
        upstream);
  if (declared !== undefined && typeof declared !== "string" && sendsTo(declared, known)) return declared;
  // By hand, or by its runbook, it may follow another. A name that several go by proves nothing.
  const isAmbiguous = all.some((one) => one !== known && [...one.called].some((name) => known.called.has(name)));
  const others = isAmbiguous ? [] : all.filter((one) => one !== known && sendsTo(one, known));
  return others.length === 1 ? others[0] : declared;
}

function edgeOf(known: Known, sender: Sender): Edge {
  const { upstream } = known.row;
  const off = known.off === undefined ? {} : { off: known.off };
  if (typeof sender === "string") return { from: sender, streams: known.streams, ...off, timeline: null };
  const { name, timeline } = sender.row;
  const isSent = sendsTo(sender, known) && known.off?.code !== "walsenderWaits";
  const isMoved = upstream !== null && upstream !== name;
  return {
    from: name,
    streams: known.streams || isSent,
    // What the report says of the declared upstream is no news of the one that it streams from.
    ...(isSent ? {} : off),
    timeline,
    ...(isMoved ? { declared: upstream } : {}),
  };
}

/** Whoever streams from a server and is none of the stacks asked, such as pg_receivewal. */
function strangersOf({ row }: Known, all: readonly Known[]): readonly Place[] {
  const edge: Edge = { from: row.name, streams: true, timeline: row.timeline };
  return (row.walSenders ?? [])
    .filter((name) => !all.some(({ called }) => called.has(name)))
    .map((name) => ({ name, edge, followers: [] }));
}

/** The first by name of the circle that a server's senders lead into. */
function firstOfCircle(start: Known, senders: ReadonlyMap<Known, Sender | undefined>): Known {
  const next = (one: Known) => senders.get(one) as Known;
  const way = new Set<Known>();
  let at = start;
  for (; !way.has(at); at = next(at)) way.add(at);
  const circle = [at];
  for (let one = next(at); one !== at; one = next(one)) circle.push(one);
  return circle.sort(byName)[0] as Known;
}

function leftOf(all: readonly Known[], drawn: ReadonlySet<Known>): readonly Known[] {
  return all.filter((one) => !drawn.has(one)).sort(byName);
}

/** A walsender may outlive the server that it sent to by a minute. */
function sendsTo(sender: Known, known: Known): boolean {
  const { state } = known.row;
  if (!state.startsWith("in recovery") && state !== "unreachable") return false;
  return sender.row.walSenders?.some((name) => known.called.has(name)) === true;
}

function writes({ row }: Known): boolean {
  return row.state === "read-write";
}

function byName(one: Known, other: Known): number {
  return one.row.name < other.row.name ? -1 : one.row.name > other.row.name ? 1 : 0;
}
