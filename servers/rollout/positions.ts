import { isDeepStrictEqual } from "node:util";
import type { Consequence, Difference } from "../../postgres/differences.js";
import type { Position, Positions, Replication, Slot } from "../../postgres/positions.js";
import type { Divergence } from "../../postgres/rollout/diverged.js";
import { slotsOn } from "../../postgres/rollout/slots.js";
import { problemsWith, type Report, type ServerReport } from "../status/report.js";
import type { TopologyArgs, TopologyServer } from "./state.js";

export interface TopologyState extends TopologyArgs {
  readonly positions: Positions;
}

/** A way in which a server's position is not as declared. */
export type PositionDifference = { readonly server: string; readonly consequence: Consequence } & (
  | { readonly kind: "foreign slot"; readonly slot: Slot }
  /** The one server that takes writes is declared a standby: after a failover by hand, one line of the stack file mends that. */
  | { readonly kind: "role"; readonly declared: Replication }
  | { readonly kind: "replication"; readonly there: Replication; readonly declared: Replication }
  | { readonly kind: "timeline"; readonly diverged: Divergence }
  /** It was declared lost, and no `up` has come to its end since it is no more. */
  | { readonly kind: "returned" }
);

/** The same as differences of every kind are told. */
export function positionDifference(one: PositionDifference): Difference {
  const { server, consequence } = one;
  const common = { server, consequence, ...(consequence === "by hand" ? { severity: "warning" as const } : {}) };
  switch (one.kind) {
    case "foreign slot": {
      const object = { kind: "slot", slot: one.slot } as const;
      return { ...common, object, there: { is: "kept WAL" }, declared: { is: "nowhere" } };
    }
    case "role": {
      const declared = { is: "replication", replication: one.declared } as const;
      return { ...common, object: { kind: "position" }, there: { is: "primary" }, declared };
    }
    case "replication": {
      const declared = { is: "replication", replication: one.declared } as const;
      const there = { is: "replication", replication: one.there } as const;
      return { ...common, object: { kind: "replication" }, there, declared };
    }
    case "returned":
      return { ...common, object: { kind: "server" }, there: { is: "lost" }, declared: { is: "running" } };
    case "timeline": {
      const there = { is: "diverged", divergence: one.diverged } as const;
      return { ...common, object: { kind: "timeline" }, there, declared: { is: "the site's" } };
    }
  }
}

export function declaredPositions(servers: TopologyArgs["servers"]): Positions {
  return Object.fromEntries(Object.entries(servers).map(([name, server]) => [name, declaredPosition(server)]));
}

function declaredPosition({ role, upstream }: TopologyServer): Position {
  const writes = role === "primary" || upstream === undefined;
  return { replication: writes ? { kind: "writes" } : { kind: "streams", from: upstream } };
}

/** The positions that a report shows. @param diverged by server */
export function positionsIn(
  report: Report,
  args: TopologyArgs,
  diverged: Readonly<Record<string, Divergence>>,
): Positions {
  return Object.fromEntries(
    report.servers.map((server) => {
      const { name } = server;
      const known = knownSlots(args, name);
      const foreign = report.slots
        .filter((slot) => slot.server === name && !known.includes(slot.name))
        .map(({ server: _server, ...slot }) => slot);
      const position: Position = {
        replication: replicationOf(server, report, args.servers[name]),
        ...(diverged[name] === undefined ? {} : { diverged: diverged[name] }),
        ...(foreign.length === 0 ? {} : { foreignSlots: foreign }),
      };
      return [name, position] as const;
    }),
  );
}

function replicationOf(
  { name, state, upstream }: ServerReport,
  { problems, streams }: Report,
  declared: TopologyServer | undefined,
): Replication {
  if (state === "stopped" || state === "no data") return { kind: "not running" };
  if (state === "unreachable") {
    return { kind: "unknown", why: problemsWith(problems, name)[0] ?? { code: "unanswered" } };
  }
  if (state === "read-write") return { kind: "writes" };
  const off = streams.find(({ server }) => server === name)?.off;
  if (off !== undefined) return { kind: "off", why: off };
  if (upstream === null) return { kind: "recovers" };
  // From whichever takes writes of those that it may follow: that is as declared.
  const isMeant = declared?.upstream !== undefined && declared.alternatives?.includes(upstream) === true;
  return { kind: "streams", from: isMeant ? declared.upstream : upstream };
}

/** The slots that a server is declared to have: others' own, and those by which its followers stream; a lost one may come back to any. */
export function knownSlots(args: TopologyArgs, name: string): readonly string[] {
  const lost = Object.values(args.lost ?? {}).flatMap(({ slot }) => slot ?? []);
  return [...args.slots, ...lost, ...slotsOn(Object.values(args.servers), name)];
}

/** Only an idle physical slot is dropped: the place of a logical one, and what its subscriber has not got, would be lost. */
export function isDroppable({ kind, active }: Slot): boolean {
  return kind === "physical" && !active;
}

export function positionDifferences(is: Positions, shall: Positions): readonly PositionDifference[] {
  const [writing, second] = Object.keys(shall).filter((name) => isKnown(is[name]) && writes(is[name]));
  return Object.entries(shall).flatMap(([server, wanted]) => {
    const found = is[server];
    if (!isKnown(found)) return [];
    const differences: PositionDifference[] = (found.foreignSlots ?? []).map((slot) => ({
      server,
      kind: "foreign slot",
      slot,
      consequence: isDroppable(slot) ? "SQL" : "by hand",
    }));
    const { replication: declared } = wanted;
    const { replication: there } = found;
    // That it does not run is said with its configuration, and why it cannot be seen by whoever looked.
    const isSaid = there.kind === "not running" || there.kind === "unknown";
    if (!isSaid && !isDeepStrictEqual(there, declared)) {
      const meant = server === writing && second === undefined;
      differences.push(
        meant
          ? { server, kind: "role", declared, consequence: "wait" }
          : { server, kind: "replication", there, declared, consequence: "wait" },
      );
    }
    const { diverged } = found;
    if (diverged !== undefined) {
      const consequence = diverged.remedy === "rejoin" ? "wait" : "by hand";
      differences.push({ server, kind: "timeline", diverged, consequence });
    }
    return differences;
  });
}

/** Servers that the last `up` which came to its end knew as lost, and that are declared as any other now. */
export function returnedServers(
  before: Pick<TopologyArgs, "lost" | "servers">,
  wanted: Pick<TopologyArgs, "servers">,
): readonly PositionDifference[] {
  const back = Object.keys(before.lost ?? {}).filter(
    (name) => wanted.servers[name] !== undefined && before.servers[name] === undefined,
  );
  return back.sort().map((server) => ({ server, kind: "returned", consequence: "wait" }));
}

/** False for what the state of an earlier version says of a server that no refresh has reached since: that was words. */
function isKnown(position: Position | undefined): position is Position {
  return typeof position?.replication === "object";
}

function writes(position: Position): boolean {
  return position.replication.kind === "writes";
}

/** Servers that do not do what is declared, or are on another timeline. Slots do not count. */
export function misplaced(found: Positions, wanted: Positions): readonly string[] {
  return Object.keys(wanted).filter(
    (name) =>
      found[name]?.diverged !== undefined || !isDeepStrictEqual(found[name]?.replication, wanted[name]?.replication),
  );
}
