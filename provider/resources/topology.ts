import { isLostServer } from "../../hosts/lost.js";
import type { Difference } from "../../postgres/differences.js";
import { slotsOn } from "../../postgres/rollout/slots.js";
import { secretsInText } from "../../postgres/secrets/index.js";
import type { Major } from "../../postgres/versions.js";
import { divergedServers, healed } from "../../servers/rollout/divergence.js";
import type { Context } from "../../servers/rollout/reporter.js";
import { messageOf } from "../../servers/rollout/reporter.js";
import { loginOf, siteOf } from "../../servers/rollout/site.js";
import type { TopologyArgs, TopologyServer } from "../../servers/rollout/state.js";
import { isLive, liveOf } from "../../servers/status/live.js";
import type { Slot } from "../../servers/status/runningSettings.js";
import { hostForReading, hostOf } from "../../servers/status/sharedHost.js";
import type { StatusRow } from "../../servers/status/status.js";
import type { ResourceType } from "../protocol/resource.js";
import { say } from "../protocol/say.js";
import { same } from "../protocol/wire.js";

/** What a server is to the others. */
export interface Position {
  /** `takes writes`, `streams from server2`, why it does not, or why that is not known. */
  readonly replication: string;
  /** `the site's`, or why it can never be that again, and what to do. */
  readonly timeline: string;
  /** Slots that nobody declared: each keeps WAL for somebody who may never come. */
  readonly foreignSlots: readonly string[];
}

export interface TopologyState extends TopologyArgs {
  readonly positions: Readonly<Record<string, Position>>;
}

const takesWrites = "takes writes";

/** Milliseconds that a standby may take to stream again after what made it stop was undone. */
const patience = 20_000;

/** How the servers of a stack hang together. It moves nothing: `Rollout` does, before it. */
export const topology: ResourceType<TopologyArgs, TopologyState> = {
  token: "pgsite:index:Topology",
  secrets: ["administratorPassword"],
  packed: ["servers"],
  secretsIn: ({ fence }) => (secretsInText(fence ?? "").length > 0 ? ["fence"] : []),

  id: (state) => `${state.site}/topology`,

  async check(context, args, actual) {
    const positions = Object.fromEntries(
      Object.entries(args.servers).map(([name, server]) => [name, declaredPosition(server)]),
    );
    if (actual !== undefined) await say(context, positionDifferences(actual.positions, positions));
    return { state: { ...args, positions } };
  },

  async create(_context, state) {
    return state;
  },

  async read(context, _id, known) {
    if (known === undefined) throw new Error("a topology cannot be imported by its id");
    const servers = Object.fromEntries(Object.entries(known.servers).filter(([name]) => !isLostServer(name)));
    if (Object.keys(servers).length === 0) return known;
    const found = await observe(context, { ...known, servers }, false);
    return { ...known, positions: { ...known.positions, ...found } };
  },

  async update(context, wanted) {
    await dropForeignSlots(context, wanted);
    await makeMissingSlots(context, wanted);
    await untilAsDeclared(context, wanted);
    return wanted;
  },

  async delete() {
    // The servers run on as they are.
  },
};

function declaredPosition({ role, upstream }: TopologyServer): Position {
  const replication = role === "primary" || upstream === undefined ? takesWrites : `streams from ${upstream}`;
  return { replication, timeline: "the site's", foreignSlots: [] };
}

function positionDifferences(is: TopologyState["positions"], shall: TopologyState["positions"]): readonly Difference[] {
  const [writing, second] = Object.keys(shall).filter((name) => is[name]?.replication === takesWrites);
  return Object.entries(shall).flatMap(([server, wanted]) => {
    const found = is[server];
    if (found === undefined) return [];
    // Only an idle physical slot is dropped: the place of a logical one, and what its subscriber has not got, would be lost.
    const differences: Difference[] = found.foreignSlots.map((slot) => ({
      server,
      object: `replication slot ${slot}`,
      there: `there and keeps WAL${remedyOf(slot)}`,
      declared: "nowhere",
      ...(isDroppable(slot)
        ? { consequence: "SQL" as const }
        : { consequence: "by hand" as const, severity: "warning" as const }),
    }));
    // That it does not run is said with its configuration, and why it cannot be seen by whoever looked.
    if (found.replication !== wanted.replication && !/^(does not run|not known: .*)$/s.test(found.replication)) {
      // After a failover by hand, one line of the stack file makes it the declared state.
      const meant = server === writing && second === undefined;
      differences.push(
        meant
          ? {
              server,
              object: "role",
              there: "primary (it takes writes)",
              declared: `${wanted.replication.replace("streams from", "a standby of")}; if it is meant to be the primary, declare pgsite:primary: ${server}`,
              consequence: "wait",
            }
          : {
              server,
              object: "replication",
              there: found.replication,
              declared: wanted.replication,
              consequence: "wait",
            },
      );
    }
    if (found.timeline !== wanted.timeline) {
      const difference = { server, object: "timeline", there: found.timeline, declared: wanted.timeline } as const;
      if (found.timeline.endsWith(`(${healed})`)) differences.push({ ...difference, consequence: "wait" });
      else differences.push({ ...difference, consequence: "by hand", severity: "warning" });
    }
    return differences;
  });
}

/** Of a slot in words: an idle physical one. */
function isDroppable(slot: string): boolean {
  return slot.endsWith("(physical)");
}

function remedyOf(slot: string): string {
  if (isDroppable(slot)) return "";
  const reader = slot.endsWith(", active)")
    ? "end whoever streams from it, or "
    : "drop it where its reader is gone for good, or ";
  return ` (${reader}declare it in slots)`;
}

async function observe(context: Context, args: TopologyArgs, fresh: boolean): Promise<TopologyState["positions"]> {
  const { statusOf } = await import("../../servers/status/status.js");
  const { withSharedSession } = await import("../../servers/sql/sharedSession.js");
  const passwords = { [args.administrator]: args.administratorPassword };
  const shared = fresh ? {} : { connect: withSharedSession, hostOf: hostForReading };
  const declared = Object.keys(args.servers).find((name) => args.servers[name]?.role === "primary");
  const divergedFrom = async (name: string | undefined) => {
    const primary = args.servers[name ?? ""];
    if (primary === undefined) return {} as Readonly<Record<string, string>>;
    return divergedServers(args.servers, primary, fresh ? hostOf : hostForReading);
  };
  const [rows, slots, expected] = await Promise.all([
    statusOf({ site: siteOf(args), passwords, signal: context.signal, ...shared }),
    slotsByServer(context, args, fresh),
    divergedFrom(declared),
  ]);
  // Another may take writes, before a switchover.
  const [writing, second] = rows.filter(({ state }) => state === "read-write").map(({ name }) => name);
  const isOther = writing !== undefined && second === undefined && writing !== declared;
  const diverged = isOther ? await divergedFrom(writing) : expected;
  const positions = await Promise.all(
    rows.map(async (row) => {
      const server = args.servers[row.name] as TopologyServer;
      const known = [...args.slots, ...slotsOfFollowers(args, row.name)];
      const foreign = (slots[row.name] ?? []).filter(({ name }) => !known.includes(name));
      const position: Position = {
        replication: await replicationOf(row, server),
        timeline: diverged[row.name] ?? "the site's",
        foreignSlots: foreign.map(({ name, kind, active }) => `${name} (${kind}${active ? ", active" : ""})`),
      };
      return [row.name, position] as const;
    }),
  );
  return Object.fromEntries(positions);
}

async function replicationOf(row: StatusRow, server: TopologyServer): Promise<string> {
  if (row.state === "stopped" || row.state === "no data") return "does not run";
  if (row.state === "unreachable") return `not known: ${row.problems[0]}`;
  if (row.state === "read-write") return takesWrites;
  const problem = row.problems.find((text) => /stream|walsender/.test(text));
  if (problem === undefined) return row.upstream === null ? "in recovery, from nobody" : `streams from ${row.upstream}`;
  const reason = await reasonOf(server);
  return `off: ${problem}${reason === undefined ? "" : `; its log says "${reason}"`}`;
}

/** The end of its own log, where that says why. */
async function reasonOf(server: TopologyServer): Promise<string | undefined> {
  const { causesIn, logSince } = await import("../../servers/process/log.js");
  try {
    const log = await logSince(await hostForReading(server.host), server, { at: 0, sizes: {} });
    const [cause] = causesIn(log.split("\n").slice(-30).join("\n"), server);
    return cause?.line;
  } catch {
    return undefined;
  }
}

async function slotsByServer(
  context: Context,
  args: TopologyArgs,
  fresh: boolean,
): Promise<Readonly<Record<string, readonly Slot[]>>> {
  const all = await Promise.all(
    Object.values(args.servers).map(async (server) => {
      const live = await liveOf({ ...args, address: server }, context.signal, fresh);
      return [server.name, isLive(live) ? live.slots : []] as const;
    }),
  );
  return Object.fromEntries(all);
}

/** What those that follow a server are declared to stream by; a lost one may come back to any. */
function slotsOfFollowers(args: TopologyArgs, name: string): readonly string[] {
  const lost = Object.values(args.lost ?? {}).flatMap(({ slot }) => slot ?? []);
  return [...lost, ...slotsOn(Object.values(args.servers), name)];
}

/** One that somebody streams from, and a logical one, is left, and said to be. */
async function dropForeignSlots(context: Context, args: TopologyArgs): Promise<void> {
  const { withSession } = await import("../../servers/sql/session.js");
  for (const [server, slots] of Object.entries(await slotsByServer(context, args, true))) {
    const known = [...args.slots, ...slotsOfFollowers(args, server)];
    for (const { name, kind, active } of slots.filter((slot) => !known.includes(slot.name))) {
      if (active || kind !== "physical") {
        const why = active ? "somebody streams from it" : "its subscriber may come back for what it keeps";
        await context.log("warning", `left the replication slot ${name} of ${server}: ${why}`);
        continue;
      }
      await withSession(args.servers[server] as TopologyServer, loginOf(args), { signal: context.signal }, (session) =>
        session.query("select pg_drop_replication_slot($1)", [name]),
      );
    }
  }
}

/** Standbys stream by no other; a server that does not answer says why elsewhere. */
async function makeMissingSlots({ signal }: Context, args: TopologyArgs): Promise<void> {
  const { makeSlots } = await import("../../servers/status/slots.js");
  const servers = Object.values(args.servers);
  const given = { version: servers[0]?.version as Major, login: loginOf(args), signal };
  for (const server of [...servers, ...(args.upstream === undefined ? [] : [args.upstream])]) {
    await makeSlots(server, slotsOn(servers, server.name), given).catch(() => signal.throwIfAborted());
  }
}

/** @throws with what is missing and why, where it does not come right by itself in time */
async function untilAsDeclared(context: Context, wanted: TopologyState): Promise<void> {
  const { until } = await import("../../servers/process/until.js");
  const without = (positions: TopologyState["positions"]) =>
    Object.fromEntries(Object.entries(positions).map(([name, one]) => [name, { ...one, foreignSlots: [] }]));
  let found = wanted.positions;
  const right = () => same(without(found), without(wanted.positions));
  // Waiting does not bring a host back.
  const lost = () =>
    Object.values(found).some(({ replication }) => /^not known: .* cannot be reached: /.test(replication));
  const settled = async () => {
    found = await observe(context, wanted, true);
    return right() || lost();
  };
  await until(settled, { deadline: patience, interval: 300, signal: context.signal }).catch((error) => {
    throw new Error(`the topology cannot be seen: ${messageOf(error)}`);
  });
  if (right()) return;
  const wrong = Object.entries(found).flatMap(([name, one]) => {
    const shall = wanted.positions[name];
    return [
      ...(one.replication === shall?.replication
        ? []
        : [`${name} is to be: ${shall?.replication}. It is: ${one.replication}`]),
      ...(one.timeline === shall?.timeline ? [] : [`the timeline of ${name} is ${one.timeline}`]),
    ];
  });
  throw new Error(wrong.join("; "));
}
