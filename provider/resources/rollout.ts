import { isLostServer } from "../../hosts/lost.js";
import { notKnown } from "../../postgres/differences.js";
import { onOneLine } from "../../postgres/printable.js";
import { holdsSecret, secretsInText } from "../../postgres/secrets/index.js";
import type { Context } from "../../servers/rollout/reporter.js";
import { messageOf, sentenceOf } from "../../servers/rollout/reporter.js";
import type { Observed, RolloutArgs, RolloutServer, RolloutState } from "../../servers/rollout/state.js";
import { observedAnew, withDivergence, withNewcomers } from "../../servers/rollout/survey.js";
import { lookOfRefresh } from "../../servers/status/look.js";
import type { ResourceType } from "../protocol/resource.js";
import { same } from "../protocol/wire.js";

/** Brings what is staged into force on all servers of a stack, in order, and starts what is stopped. */
export const rollout: ResourceType<RolloutArgs, RolloutState> = {
  token: "pgsite:index:Rollout",
  secrets: ["administratorPassword"],
  packed: ["servers"],
  secretsIn: ({ servers, fence }) => [
    ...(Object.values(servers).some(isSecret) ? (["servers"] as const) : []),
    ...(secretsInText(fence ?? "").length > 0 ? (["fence"] as const) : []),
  ],

  id: (state) => `${state.site}/rollout`,

  async check(context, args, actual) {
    const servers = Object.fromEntries(
      Object.entries(args.servers).map(([name, server]) => [name, asDeclared(server)]),
    );
    const known = present(actual?.servers ?? {}, (name) => args.lost?.[name] !== undefined);
    const found = await withNewcomers(args, known, context.signal);
    const plan = same(found, servers) ? [] : await planInWords(args, found, actual?.__unreachable);
    const loud = plan.some((line) => line.startsWith("refused: ")) || takeWrites(found);
    if (plan.length > 0)
      await context.log(loud ? "warning" : "info", ["the rollout:", ...plan.map(onOneLine)].join("\n"));
    return { state: { ...args, servers, plan, ...unreachableIn(actual?.__unreachable ?? {}) } };
  },

  create: (context, state) => bringIntoForce(context, state),

  async read(context, _id, known) {
    if (known === undefined) throw new Error("a rollout cannot be imported");
    const unreachable: Record<string, string> = {};
    const servers = await Promise.all(
      Object.entries(present(known.servers, isLostServer)).map(async ([name, server]) => {
        try {
          return [name, await observedAnew(server, known, context.signal)] as const;
        } catch (error) {
          await context.log("warning", `${name}: ${sentenceOf(error)} ${notKnown}`);
          unreachable[name] = messageOf(error);
          return [name, server] as const;
        }
      }),
    );
    const found = await withDivergence(Object.fromEntries(servers));
    const { __unreachable, ...last } = known;
    return { ...last, servers: { ...known.servers, ...found }, plan: [], ...unreachableIn(unreachable) };
  },

  update: (context, wanted) => bringIntoForce(context, wanted),

  async delete() {
    // The servers run on as they are.
  },
};

/** Hashes tell of a secret in a file, and settings hold those of conninfo and commands as they are. */
function isSecret({ secret, settings, runs = {} }: RolloutServer & Partial<Observed>): boolean {
  if (secret === true) return true;
  const values = [
    ...Object.entries(settings),
    ...Object.entries(runs).map(([name, { value }]) => [name, value] as const),
  ];
  return values.some(([name, value]) => holdsSecret(name, value));
}

function unreachableIn(servers: Readonly<Record<string, string>>): Pick<RolloutState, "__unreachable"> {
  return Object.keys(servers).length === 0 ? {} : { __unreachable: servers };
}

/** Those that are not lost. */
function present<T>(servers: Readonly<Record<string, T>>, isLost: (name: string) => boolean): Record<string, T> {
  return Object.fromEntries(Object.entries(servers).filter(([name]) => !isLost(name)));
}

/** Two servers of a site at once. */
function takeWrites(found: RolloutState["servers"]): boolean {
  return Object.values(found).some(({ rejoin }) => rejoin?.end === "writes");
}

function asDeclared(server: RolloutServer): RolloutServer & Observed {
  return { ...server, data: "present", state: "running", recovery: server.role !== "primary" };
}

async function planInWords(
  { servers, lost }: RolloutArgs,
  actual: Readonly<Record<string, RolloutServer & Observed>>,
  unreachable: RolloutState["__unreachable"] = {},
): Promise<readonly string[]> {
  const { describePlan, planOf } = await import("../../servers/rollout/plan.js");
  const { markReceived } = await import("../../servers/rollout/evidence.js");
  const found = Object.entries(actual).map(([name, server]) => {
    const reason = unreachable[name];
    return [name, reason === undefined ? server : { ...server, unreachable: reason }] as const;
  });
  const known = await markReceived(Object.fromEntries(found), servers, lost, lookOfRefresh);
  return describePlan(planOf(servers, known, lost));
}

async function bringIntoForce(context: Context, state: RolloutState): Promise<RolloutState> {
  const { execute } = await import("../../servers/rollout/execute.js");
  await execute(context, state);
  const { __unreachable, ...done } = state;
  return { ...done, plan: [] };
}
