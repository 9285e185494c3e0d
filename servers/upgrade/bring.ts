import type { Major } from "../../postgres/versions.js";
import { type Context, messageOf } from "../rollout/reporter.js";
import { hostOf, type LookAt, newLooks } from "../status/look.js";
import { olderStandbyInWords, upgradeText } from "../words/upgrade.js";
import type { Journal } from "./journal.js";
import { isForUpAlone, type Planned, planOfStack } from "./plan.js";
import type { UpgradeArgs, UpgradeState } from "./state.js";
import { othersThan, versionsFound } from "./versions.js";

/*
 * What the resource of a stack's upgrade does: says, in a preview, what is to be done, and has it done in an `up`.
 */

/** An upgrade that was begun and has not come to its end. Of a host that cannot be asked nothing is known. */
export async function underWay({ primary, servers }: UpgradeArgs): Promise<Journal | undefined> {
  const journal = await journalOf(servers[primary ?? ""]);
  return journal === undefined || journal.phase === "done" ? undefined : journal;
}

async function journalOf(server: UpgradeArgs["servers"][string] | undefined): Promise<Journal | undefined> {
  if (server === undefined) return undefined;
  const { readJournal } = await import("./journal.js");
  const { HostUnreachable } = await import("../../hosts/host.js");
  try {
    return await readJournal(await hostOf(server.host), server);
  } catch (error) {
    if (error instanceof HostUnreachable) return undefined;
    throw error;
  }
}

/** Says what an `up` would do. @throws what is refused, with the whole plan */
export async function sayUpgrade(
  context: Context,
  args: UpgradeArgs,
  others: readonly string[],
  programs: UpgradeState["__programs"],
  lookAt: LookAt,
): Promise<void> {
  const begun = await underWay(args);
  if (begun !== undefined) {
    await context.report({
      kind: "upgrade under way",
      server: begun.server,
      from: begun.from,
      to: begun.to,
      phase: begun.phase,
    });
    return;
  }
  const planned = await plan(args, others, programs, lookAt, context.signal);
  if (planned === undefined) {
    await context.report({ kind: "upgrade of standbys", servers: others, to: args.version });
    return;
  }
  if (planned.plan.refusals.some((refusal) => !isForUpAlone(refusal, args))) throw new Error(upgradeText(planned.plan));
  await context.report({ kind: "upgrade", plan: planned.plan });
}

/**
 * Brings all data of a stack to the declared version, or goes on with what was begun; does nothing where they have it.
 * @throws what is refused, before anything is changed
 */
export async function bringToVersion(context: Context, state: UpgradeState): Promise<void> {
  const lookAt = newLooks();
  const others = othersThan(state.version, await versionsFound(state.servers, lookAt));
  const begun = await underWay(state);
  if (others.length === 0 && begun === undefined) return;
  const { resume, upgrade } = await import("./upgrade.js");
  const { primary } = state;
  if (primary !== undefined) {
    // What was cut off, and standbys that could not be asked when the primary was upgraded.
    const left = begun !== undefined || !others.includes(primary) ? await resume(context, state, primary) : undefined;
    if (left !== undefined) return;
    if (begun === undefined && !others.includes(primary)) throw new Error(olderStandbyInWords(others, state.version));
  }
  const now = begun === undefined ? others : othersThan(state.version, await versionsFound(state.servers, newLooks()));
  const planned = await plan(state, now, state.__programs, newLooks(), context.signal);
  if (planned === undefined) return;
  if (planned.plan.refusals.length > 0) throw new Error(upgradeText(planned.plan));
  await context.report({ kind: "upgrade", plan: planned.plan });
  if (planned.facts === undefined) {
    const { setMirrorsAside } = await import("./mirrors.js");
    await setMirrorsAside(context, state, planned.plan);
  } else await upgrade(context, state, planned.plan, planned.facts);
}

async function plan(
  args: UpgradeArgs,
  others: readonly string[],
  programs: UpgradeState["__programs"],
  lookAt: LookAt,
  signal: AbortSignal,
): Promise<Planned | undefined> {
  const kept = await journalOf(args.servers[args.primary ?? ""]);
  const uncommitted: { uncommitted?: Major } = kept?.phase === "done" ? { uncommitted: kept.from } : {};
  try {
    const migrating = await isMigrating(args, kept, signal);
    return await planOfStack(args, others, { ...uncommitted, migrating, programs }, lookAt, signal);
  } catch (error) {
    const names = others.join(", ");
    throw new Error(`how the data of ${names} come to PostgreSQL ${args.version} cannot be said: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Whether history that an earlier upgrade deferred is not all there. */
async function isMigrating(args: UpgradeArgs, kept: Journal | undefined, signal: AbortSignal): Promise<boolean> {
  const server = args.servers[args.primary ?? ""];
  if (server === undefined) return false;
  const { askMigration, isThrough } = await import("../migrate/ask.js");
  const migration = await askMigration(server, signal);
  if (migration.code === "known") return !isThrough(migration);
  // Of one that does not answer, or is gone, the journal says whether there is one.
  const deferred = Object.values(kept?.plan?.deferred ?? {}).some((patterns) => patterns.length > 0);
  return deferred && kept?.historyEnded !== true;
}
