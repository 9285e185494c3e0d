import { isLostServer } from "../../hosts/lost.js";
import type { PlanReport } from "../../postgres/rollout/model.js";
import { holdsSecret, secretsInText } from "../../postgres/secrets/index.js";
import { renewedProgram } from "../../servers/rollout/renewed.js";
import type { Context } from "../../servers/rollout/reporter.js";
import { messageOf } from "../../servers/rollout/reporter.js";
import type { Observed, RolloutArgs, RolloutServer, RolloutState } from "../../servers/rollout/state.js";
import { observedAnew, withDivergence, withNewcomers } from "../../servers/rollout/survey.js";
import { codeOf } from "../../servers/status/findings.js";
import { lookOfRefresh } from "../../servers/status/look.js";
import { isUpgraded } from "../../servers/upgrade/planned.js";
import type { ResourceType } from "../protocol/resource.js";
import { same } from "../protocol/wire.js";

/** Whether this is a preview, which an `up` needs not tell. */
type Asked = RolloutArgs & { readonly preview?: boolean };

/** Brings what is staged into force on all servers of a stack, in order, and starts what is stopped. */
export const rollout: ResourceType<Asked, RolloutState> = {
  token: "pgsite:index:Rollout",
  secrets: ["administratorPassword"],
  packed: ["servers"],
  secretsIn: ({ servers, fence }) => [
    ...(Object.values(servers).some(isSecret) ? (["servers"] as const) : []),
    ...(secretsInText(fence ?? "").length > 0 ? (["fence"] as const) : []),
  ],

  id: (state) => `${state.site}/rollout`,

  async check(context, { preview = false, ...args }, actual) {
    const servers = Object.fromEntries(
      Object.entries(args.servers).map(([name, server]) => [name, asDeclared(server)]),
    );
    const known = present(withoutWords(actual?.servers ?? {}), (name) => args.lost?.[name] !== undefined);
    const found = withRenewed(args, await withNewcomers(args, known, context.signal));
    // With the upgrade everything comes that is declared; what was read is of the old version.
    const upgraded = Object.values(servers).some(isUpgraded);
    const planned =
      upgraded || same(found, servers)
        ? nothing
        : await planFor(args, withStartOnly(found, actual), actual?.__unreachable);
    // An `up` asks for itself, of what is staged.
    const plan = preview ? await refusingStarts(context, args, planned, found, actual?.__unreachable) : planned;
    await sayPlan(context, plan, found);
    await sayHeldUp(context, args, plan, found);
    return { state: { ...args, servers, ...planIn(plan), ...unseenIn(actual?.__unreachable, actual?.__startOnly) } };
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
          unreachable[name] = messageOf(error);
          await context.report({ kind: "not known", code: codeOf(error), server: name, message: messageOf(error) });
          return [name, server] as const;
        }
      }),
    );
    const seen = Object.fromEntries(servers);
    const found = await withDivergence(seen, { ...known, servers: seen });
    const { __unreachable, __startOnly, refusals: _refusals, ...last } = known;
    const { kept, startOnly } = apart(found);
    return { ...last, servers: { ...known.servers, ...kept }, plan: [], ...unseenIn(unreachable, startOnly) };
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

/** What the plan goes by, and the state does not keep: it would differ from what is declared. */
function apart(servers: RolloutState["servers"]) {
  const startOnly: Record<string, readonly string[]> = {};
  const kept = Object.entries(servers).map(([name, { startOnly: names, ...server }]) => {
    if (names !== undefined) startOnly[name] = names;
    return [name, server] as const;
  });
  return { kept: Object.fromEntries(kept) as RolloutState["servers"], startOnly };
}

/** Packages that this very run replaces are not there yet when servers are read. One that does not run starts as the new program. */
function withRenewed({ servers }: RolloutArgs, found: RolloutState["servers"]): RolloutState["servers"] {
  const all = Object.entries(found).map(([name, server]) => {
    const declared = servers[name];
    const program = declared === undefined || server.state !== "running" ? undefined : renewedProgram(declared);
    return [name, program === undefined ? server : { ...server, program }] as const;
  });
  return Object.fromEntries(all);
}

function withStartOnly(servers: RolloutState["servers"], actual: RolloutState | undefined): RolloutState["servers"] {
  const known = actual?.__startOnly ?? {};
  const all = Object.entries(servers).map(([name, server]) => {
    const startOnly = known[name];
    return [name, startOnly === undefined ? server : { ...server, startOnly }] as const;
  });
  return Object.fromEntries(all);
}

/** What the plan goes by beside the servers; as it was read, it is no difference. */
function unseenIn(
  unreachable: RolloutState["__unreachable"] = {},
  startOnly: RolloutState["__startOnly"] = {},
): Pick<RolloutState, "__unreachable" | "__startOnly"> {
  return {
    ...(Object.keys(unreachable).length === 0 ? {} : { __unreachable: unreachable }),
    ...(Object.keys(startOnly).length === 0 ? {} : { __startOnly: startOnly }),
  };
}

/** A state that another version wrote may hold sentences of what is data now. The next refresh finds out again. */
function withoutWords(servers: RolloutState["servers"]): RolloutState["servers"] {
  const isData = ({ diverged, rejoin }: Observed) =>
    typeof diverged !== "string" && rejoin?.instead.every((one) => typeof one !== "string") !== false;
  return Object.fromEntries(
    Object.entries(servers).map(([name, server]) => {
      const { diverged: _diverged, rejoin: _rejoin, ...rest } = server;
      return [name, isData(server) ? server : rest];
    }),
  );
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

const nothing: PlanReport = { steps: [], refusals: [] };

/** A plan as the state has it. */
function planIn({ steps, refusals }: PlanReport): Pick<RolloutState, "plan" | "refusals"> {
  return { plan: steps, ...(refusals.length === 0 ? {} : { refusals }) };
}

async function sayPlan(context: Context, plan: PlanReport, found: RolloutState["servers"]): Promise<void> {
  if (plan.steps.length + plan.refusals.length === 0) return;
  await context.report({ kind: "plan", plan, loud: plan.refusals.length > 0 || takeWrites(found) });
}

/** Asked of servers that the plan stops, and of no other. */
async function sayHeldUp(
  context: Context,
  args: RolloutArgs,
  { steps }: PlanReport,
  found: RolloutState["servers"],
): Promise<void> {
  if (steps.length === 0) return;
  const { heldUp, stopsIn } = await import("../../servers/rollout/stops.js");
  for (const { server, act, holdUps } of await heldUp(args, stopsIn(steps, found), context.signal)) {
    await context.report({ kind: "held up", server, act, holdUps });
  }
}

async function planFor(
  args: RolloutArgs,
  actual: Readonly<Record<string, RolloutServer & Observed>>,
  unreachable: RolloutState["__unreachable"] = {},
): Promise<PlanReport> {
  const { servers, __mirrors = [] } = args;
  const { planOf } = await import("../../servers/rollout/plan.js");
  const { reportOf } = await import("../../postgres/rollout/plan.js");
  const { mirrorsAfter } = await import("../../postgres/rollout/mirrors.js");
  const { markForTakeover } = await import("../../servers/rollout/evidence.js");
  const found = Object.entries(actual).map(([name, server]) => {
    const reason = unreachable[name];
    return [name, reason === undefined ? server : { ...server, unreachable: reason }] as const;
  });
  const known = await markForTakeover(Object.fromEntries(found), args, lookOfRefresh);
  const plan = planOf(servers, known, args);
  const mirrors = mirrorsAfter(__mirrors, plan, servers);
  return { ...reportOf(plan), ...(mirrors.length === 0 ? {} : { mirrors }) };
}

async function refusingStarts(
  context: Context,
  { servers }: RolloutArgs,
  plan: PlanReport,
  found: RolloutState["servers"],
  unreachable: RolloutState["__unreachable"] = {},
): Promise<PlanReport> {
  if (plan.steps.length === 0) return plan;
  const { withRefusedStarts } = await import("../../servers/rollout/beforeStopping.js");
  const reached = Object.entries(found).filter(([name]) => unreachable[name] === undefined);
  return withRefusedStarts(plan, servers, Object.fromEntries(reached), context.signal);
}

async function bringIntoForce(context: Context, state: RolloutState): Promise<RolloutState> {
  const { execute } = await import("../../servers/rollout/execute.js");
  await execute(context, state);
  const { __unreachable, __startOnly, refusals: _refusals, ...done } = state;
  return { ...done, plan: [] };
}
