import { isLostServer } from "../../hosts/lost.js";
import { secretsInText } from "../../postgres/secrets/index.js";
import {
  declaredPositions,
  positionDifference,
  positionDifferences,
  returnedServers,
  type TopologyState,
} from "../../servers/rollout/positions.js";
import type { TopologyArgs } from "../../servers/rollout/state.js";
import type { ResourceType } from "../protocol/resource.js";
import { say } from "../protocol/say.js";

/** Whether a server streamed by a slot which is of no use to it any more, or has gone with it. */
function leaveSlots(before: TopologyState, { servers, upstream }: TopologyState): boolean {
  const isElsewhere = before.upstream !== undefined && before.upstream.name !== upstream?.name;
  return Object.values(before.servers).some(
    ({ name, slot }) => slot !== undefined && (servers[name] === undefined || isElsewhere),
  );
}

const acts = () => import("../../servers/rollout/topology.js");

/** How the servers of a stack hang together. It moves nothing: `Rollout` does, before it. */
export const topology: ResourceType<TopologyArgs, TopologyState> = {
  token: "pgsite:index:Topology",
  secrets: ["administratorPassword"],
  packed: ["servers"],
  secretsIn: ({ fence }) => (secretsInText(fence ?? "").length > 0 ? ["fence"] : []),

  id: (state) => `${state.site}/topology`,

  async check(context, args, actual) {
    const positions = declaredPositions(args.servers);
    if (actual !== undefined) {
      const found = [...returnedServers(actual, args), ...positionDifferences(actual.positions, positions)];
      await say(context, found.map(positionDifference));
    }
    return { state: { ...args, positions } };
  },

  async create(_context, state) {
    return state;
  },

  async read(context, _id, known) {
    if (known === undefined) throw new Error("a topology cannot be imported by its id");
    const servers = Object.fromEntries(Object.entries(known.servers).filter(([name]) => !isLostServer(name)));
    if (Object.keys(servers).length === 0) return known;
    const { observePositions } = await acts();
    const found = await observePositions(context, { ...known, servers }, false);
    return { ...known, positions: { ...known.positions, ...found } };
  },

  async update(context, wanted, before) {
    const { dropForeignSlots, makeMissingSlots, untilAsDeclared } = await acts();
    let said: readonly string[] = [];
    if (before !== undefined && leaveSlots(before, wanted)) {
      const { dropLeftSlots } = await import("../../servers/rollout/leaving.js");
      said = await dropLeftSlots(context, wanted, before);
    }
    await dropForeignSlots(context, wanted, said);
    await makeMissingSlots(context, wanted);
    await untilAsDeclared(context, wanted);
    return wanted;
  },

  async delete() {
    // The servers run on as they are.
  },
};
