import { isLostServer } from "../../hosts/lost.js";
import { holdsSecret, secretsInText } from "../../postgres/secrets/index.js";
import { observeServer } from "../../servers/rollout/observe.js";
import type { Context } from "../../servers/rollout/reporter.js";
import { messageOf } from "../../servers/rollout/reporter.js";
import type { Observed, RolloutArgs, RolloutServer, RolloutState } from "../../servers/rollout/state.js";
import { codeOf } from "../../servers/status/findings.js";
import { hostForReading } from "../../servers/status/sharedHost.js";
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
    const found = await seenFrom(args, known, await observeNew(context, args, known));
    const plan = same(found, servers) ? [] : await planInWords(args, found, actual?.__unreachable);
    const loud = plan.some((line) => line.startsWith("refused: ")) || takeWrites(found);
    if (plan.length > 0) await context.report({ kind: "plan", plan, loud });
    return { state: { ...args, servers, plan, ...unreachableIn(actual?.__unreachable ?? {}) } };
  },

  create: (context, state) => bringIntoForce(context, state),

  async read(context, _id, known) {
    if (known === undefined) throw new Error("a rollout cannot be imported");
    const unreachable: Record<string, string> = {};
    const servers = await Promise.all(
      Object.entries(present(known.servers, isLostServer)).map(async ([name, server]) => {
        try {
          return [name, observed(server, await observeServer(server, known, context.signal))] as const;
        } catch (error) {
          unreachable[name] = messageOf(error);
          await context.report({ kind: "not known", code: codeOf(error), server: name, message: messageOf(error) });
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

/**
 * Servers that nothing is known of yet, and none where all are known. Those that run already are taken over: their plan
 * too is shown first. Those that cannot be seen are left out.
 */
async function observeNew(
  context: Context,
  args: RolloutArgs,
  known: RolloutState["servers"],
): Promise<RolloutState["servers"]> {
  const unknown = Object.entries(args.servers).filter(([name]) => known[name] === undefined);
  const found = await Promise.all(
    unknown.map(async ([name, server]) => {
      const found = await observeServer(server, args, context.signal).catch(() => undefined);
      return found === undefined ? [] : [[name, observed(server, found)] as const];
    }),
  );
  return Object.fromEntries(found.flat());
}

/**
 * Divergence was judged among the servers that were known, by the primary that was declared before; where others have come,
 * or that is another now, it is judged anew.
 */
async function seenFrom(
  args: RolloutArgs,
  known: RolloutState["servers"],
  others: RolloutState["servers"],
): Promise<RolloutState["servers"]> {
  const found = { ...known, ...others };
  const before = Object.values(known).find(({ role }) => role === "primary")?.name;
  const primary = Object.values(args.servers).find(({ role }) => role === "primary")?.name;
  if (before === primary && Object.keys(others).length === 0) return found;
  const { markDiverged } = await import("../../servers/rollout/divergence.js");
  return markDiverged(found, args.servers, hostForReading);
}

/** Two servers of a site at once. */
function takeWrites(found: RolloutState["servers"]): boolean {
  return Object.values(found).some(({ rejoin }) => rejoin?.end === "writes");
}

async function withDivergence(servers: RolloutState["servers"]): Promise<RolloutState["servers"]> {
  const { markDiverged } = await import("../../servers/rollout/divergence.js");
  return markDiverged(servers, servers, hostForReading);
}

/** What was true the last time and is not said now is gone. */
function observed(server: RolloutServer & Partial<Observed>, now: Observed): RolloutServer & Observed {
  const { runs: _runs, pending: _pending, rules: _rules, recorded: _recorded, ...known } = server;
  const { program: _program, unread: _unread, diverged: _diverged, certificate: _certificate, ...facts } = known;
  const { shutDown: _shutDown, rejoin: _rejoin, trigger: _trigger, stale: _stale, secret: _secret, ...rest } = facts;
  return { ...rest, ...now };
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
  const known = await markReceived(Object.fromEntries(found), servers, lost, hostForReading);
  return describePlan(planOf(servers, known, lost));
}

async function bringIntoForce(context: Context, state: RolloutState): Promise<RolloutState> {
  const { execute } = await import("../../servers/rollout/execute.js");
  await execute(context, state);
  const { __unreachable, ...done } = state;
  return { ...done, plan: [] };
}
