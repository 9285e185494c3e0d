import type { PlanReport, Refusal, RolloutPlan, Step } from "../../postgres/rollout/model.js";
import { toAsk } from "../../postgres/start/asked.js";
import type { Files } from "../data/staging.js";
import { notTriedInWords } from "../words/start.js";
import { whyNotStart } from "./canStart.js";
import { declaredFiles } from "./declared.js";
import type { Context } from "./reporter.js";
import type { Observed, RolloutServer } from "./state.js";

/*
 * Nothing that runs is stopped before it is known that it can start again. One place for the preview and the rollout, and for every
 * act of a plan that stops a server.
 */

type Servers = Readonly<Record<string, RolloutServer>>;
type All = Readonly<Record<string, Observed>>;

/** What a plan's servers cannot start with, before anything is changed. @param filesOf what each is to get */
export async function refuseStarts(
  context: Context,
  { servers, observed }: { readonly servers: Servers; readonly observed: All },
  plan: RolloutPlan,
  filesOf: (name: string) => Promise<Files>,
): Promise<readonly Refusal[]> {
  const found = await Promise.all(
    toAsk(plan).flatMap((name) => {
      const server = servers[name];
      const is = observed[name];
      if (server === undefined || is === undefined) return [];
      return [askOne(context, server, is, plan.steps, filesOf)];
    }),
  );
  return found.flat();
}

/** With what it gets for good, and with what it gets for now, where that is another thing. */
async function askOne(
  context: Context,
  server: RolloutServer,
  observed: Observed,
  steps: readonly Step[],
  filesOf: (name: string) => Promise<Files>,
): Promise<readonly Refusal[]> {
  const files = await filesOf(server.name);
  const holds = steps.filter((step) => step.server === server.name).map(({ hold }) => hold);
  const different = [...new Map(holds.map((hold) => [JSON.stringify(hold), hold])).values()];
  const asked = { server, observed, files, approvedOnly: false, signal: context.signal };
  for (const hold of different.length === 0 ? [{}] : different) {
    const because = await whyNotStart({ ...asked, hold });
    if (because === undefined) await context.log("warning", notTriedInWords(server.name));
    else if (because.length > 0) return [{ code: "cannotStart", server: server.name, because }];
  }
  return [];
}

/** The plan of a preview, with what can be asked already: of files that are declared and nowhere yet, and of servers that are reached. */
export async function withRefusedStarts(
  plan: PlanReport,
  servers: Servers,
  observed: All,
  signal: AbortSignal,
): Promise<PlanReport> {
  const switchover = plan.steps.find((step) => step.action === "switchover");
  const failover = plan.steps.find((step) => step.action === "failover");
  const steps = plan.steps.flatMap((step) => ("because" in step ? [step] : []));
  const names = toAsk({
    steps,
    ...(switchover === undefined ? {} : { switchover }),
    ...(failover === undefined ? {} : { failover }),
  });
  const found = await Promise.all(
    names.map(async (name): Promise<readonly Refusal[]> => {
      const server = servers[name];
      const is = observed[name];
      const files = server === undefined ? undefined : declaredFiles(server);
      if (server === undefined || files === undefined || is === undefined || is.unreachable !== undefined) return [];
      const because = await whyNotStart({ server, observed: is, files, approvedOnly: true, signal });
      return because === undefined || because.length === 0 ? [] : [{ code: "cannotStart", server: name, because }];
    }),
  );
  const refusals = found.flat();
  return refusals.length === 0 ? plan : { steps: [], refusals: [...plan.refusals, ...refusals] };
}
