import { upgradePath, versionDirectory } from "../../config/controlDirectory.js";
import { HostUnreachable } from "../../hosts/host.js";
import type { UpgradeFacts, UpgradePlan } from "../../postgres/upgrade/model.js";
import { withLock } from "../data/lock.js";
import { processState, startServer } from "../process/process.js";
import { stopServer } from "../process/stop.js";
import { type Context, messageOf } from "../rollout/reporter.js";
import { type Acting, actingOn } from "./acting.js";
import { begin } from "./begin.js";
import { finish } from "./finish.js";
import { forget } from "./forget.js";
import { discardHistory } from "./history.js";
import { isBefore, type Journal, reach, readJournal, writeJournal } from "./journal.js";
import { reviveOld } from "./pgUpgrade.js";
import { discardNew } from "./prepare.js";
import { prove } from "./prove.js";
import type { UpgradeArgs } from "./state.js";
import { asAfter, asBefore, switchBack, switchOver } from "./switch.js";
import { endLeftovers } from "./workplace.js";

/**
 * Brings a server to another major version, and sets aside what its standbys have: the phases of docs/design/upgrade.md. What was
 * cut off goes back or on first. @throws where it failed: the old server runs again by then, unless the message says otherwise
 */
export async function upgrade(
  context: Context,
  args: UpgradeArgs,
  plan: UpgradePlan,
  facts: UpgradeFacts,
): Promise<Journal> {
  const acting = actingOn(context, args, plan.server);
  const { host, server } = acting;
  return withLock(host, server, `upgrading ${server.name} to PostgreSQL ${plan.to}`, async () => {
    const left = await takeUp(acting);
    if (left?.phase === "done" && left.to !== plan.to) {
      throw new Error(
        `${server.name} is not upgraded to ${plan.to}: its upgrade from ${left.from} to ${left.to} is neither committed nor rolled back (pgsite upgrade commit); nothing was touched`,
      );
    }
    if (left !== undefined) return goOn(acting, left);
    return goOn(acting, await transferred(acting, plan, facts));
  });
}

/**
 * Finishes an upgrade that was cut off when the new cluster was whole already, or what is left of one that is done: nothing has to
 * be known of it but its journal. Undefined where there is none, or the old server runs again and it has to begin anew.
 */
export async function resume(context: Context, args: UpgradeArgs, name: string): Promise<Journal | undefined> {
  const acting = actingOn(context, args, name);
  const { host, server } = acting;
  if ((await readJournal(host, server)) === undefined) return undefined;
  return withLock(host, server, `finishing the upgrade of ${name}`, async () => {
    const left = await takeUp(acting);
    return left === undefined ? undefined : goOn(acting, left);
  });
}

/** What an earlier attempt has left. Where its new cluster is not whole, the old server runs again, and nothing is left. */
async function takeUp(acting: Acting): Promise<Journal | undefined> {
  const { host, server, context } = acting;
  await endLeftovers(host, server);
  const journal = await readJournal(host, server);
  if (journal === undefined) return undefined;
  if (journal.rollingBack === true) {
    throw new Error(
      `${server.name} is being rolled back from ${journal.to} to ${journal.from}, which was cut off: finish it (pgsite upgrade rollback ${server.name}); nothing was touched`,
    );
  }
  if (!isBefore(journal.phase, "transferred")) return journal;
  await context.log(
    "info",
    `an upgrade of ${server.name} was cut off before the new cluster was whole: it begins again`,
  );
  await toOld(acting, journal);
  return undefined;
}

/** Up to a whole new cluster. Whatever fails, the old server runs again. */
async function transferred(acting: Acting, plan: UpgradePlan, facts: UpgradeFacts): Promise<Journal> {
  const { host, server } = acting;
  try {
    return await begin(acting, plan, facts);
  } catch (error) {
    const journal = await readJournal(host, server).catch(() => undefined);
    if (journal === undefined || error instanceof HostUnreachable) throw error;
    const wasStopped = !isBefore(journal.phase, "stopped");
    await endLeftovers(host, server).catch(() => undefined);
    await toOld(acting, journal).catch((second: unknown) => {
      throw new Error(
        `${messageOf(error)}. After that, PostgreSQL ${journal.from} could not be brought back into service: ${messageOf(second)}. Its data are in ${server.dataDirectory} on ${host.name}; the next pulumi up tries again`,
        { cause: error },
      );
    });
    if (!wasStopped) throw error;
    throw new Error(
      `${server.name} is not upgraded to ${plan.to}: ${messageOf(error)}. PostgreSQL ${journal.from} runs again, on its data as they were`,
      { cause: error },
    );
  }
}

/** The old server runs as before, and of the upgrade nothing is left. */
async function toOld(acting: Acting, journal: Journal): Promise<void> {
  const { host, server, context } = acting;
  await discardHistory(acting, journal);
  const before = asBefore(server, journal);
  // One that an upgrade has started for itself lets nobody in.
  const wasStopped = !isBefore(journal.phase, "stopped");
  if (wasStopped) await stopServer(host, before, { deadline: 10 * 60_000 });
  if (!(await reviveOld({ host }, server, journal))) {
    throw new Error(
      `its data share files with those of ${journal.to}, on which a server may have run: they cannot be started. What pg_upgrade said is in ${upgradePath(server, "work")}`,
    );
  }
  if ((await processState(host, server.dataDirectory)).kind !== "running") {
    await context.progress(`starting PostgreSQL ${journal.from} again`);
    await startServer(host, before, { deadline: 10 * 60_000 });
  }
  await discardNew(host, server, journal);
  await forget(host, server, journal);
}

/** From a whole new cluster to the end. */
async function goOn(acting: Acting, found: Journal): Promise<Journal> {
  const { host, server, context } = acting;
  if (found.phase === "done") return finish(acting, found);
  let journal = found;
  let hasRun = false;
  try {
    if (isBefore(journal.phase, "started")) {
      journal = await reach(host, server, journal, "switching");
      await context.progress(`PostgreSQL ${journal.to} takes its place`);
      await switchOver(host, server, journal);
      journal = await reach(host, server, journal, "started");
    }
    // Cut off in the midst of it, the link of the one to the other may be half made.
    else await switchOver(host, server, journal);
    await context.progress(`starting PostgreSQL ${journal.to}`);
    const ran = (await processState(host, server.dataDirectory)).kind === "running";
    await startServer(host, asAfter(server, journal), { deadline: 10 * 60_000, signal: context.signal });
    hasRun = true;
    if (!ran) journal = await writeJournal(host, server, { ...journal, served: new Date().toISOString() });
    await prove(acting, journal);
  } catch (error) {
    if (error instanceof HostUnreachable || context.signal.aborted) throw error;
    if (!journal.keepsRollback) {
      throw new Error(
        `${server.name} is upgraded to ${journal.to} and does not work: ${messageOf(error)}. By ${journal.way} there is no way back: mend the cause, and run pulumi up again, which goes on here`,
        { cause: error },
      );
    }
    const kept = await undo(acting, journal, error, hasRun);
    const left =
      kept === undefined
        ? ""
        : `. What was written on ${journal.to} meanwhile is in ${kept} on ${host.name}: look, and remove it`;
    throw new Error(
      `${server.name} is not upgraded to ${journal.to}: ${messageOf(error)}. PostgreSQL ${journal.from} runs again, on its data as they were${left}`,
      { cause: error },
    );
  }
  return finish(acting, journal);
}

/**
 * The new server stops, and the old one runs as it did. Where the new one has let clients in, its data are kept: these may have
 * written. @returns where
 */
async function undo(acting: Acting, journal: Journal, because: unknown, hasRun: boolean): Promise<string | undefined> {
  const { host, server } = acting;
  try {
    await stopServer(host, asAfter(server, journal), { mayCrash: true, deadline: 5 * 60_000 });
    if (hasRun) {
      const kept = versionDirectory(server.dataDirectory, journal.to);
      // Cut off here, it is the administrator's rollback that finishes it.
      await writeJournal(host, server, { ...journal, rollingBack: true });
      await switchBack(host, server, journal, kept);
      await startServer(host, asBefore(server, journal), { deadline: 10 * 60_000 });
      await forget(host, server, journal);
      return kept;
    }
    await switchBack(host, server, journal, upgradePath(server, "new"));
    await reach(host, server, journal, "stopped");
    await toOld(acting, { ...journal, phase: "stopped" });
    return undefined;
  } catch (error) {
    throw new Error(
      `${messageOf(because)}. After that, PostgreSQL ${journal.from} could not be brought back into service: ${messageOf(error)}. Its data are in ${server.dataDirectory} or ${versionDirectory(server.dataDirectory, journal.from)} on ${host.name}`,
      { cause: because },
    );
  }
}
