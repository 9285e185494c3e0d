import { join } from "node:path";
import { shownInLine } from "../../postgres/shown.js";
import type { UpgradeFacts, UpgradePlan, Way } from "../../postgres/upgrade/model.js";
import { hasClients } from "../../postgres/upgrade/programs.js";
import { isAtRest } from "../../postgres/wal/controlFile.js";
import { backup } from "../backups/backup.js";
import { readControlFile } from "../data/controlFile.js";
import { makeFit } from "../process/canStop.js";
import { stopServer } from "../process/stop.js";
import { messageOf } from "../rollout/reporter.js";
import { loginOf } from "../rollout/site.js";
import { contentDifferencesInWords } from "../words/contents.js";
import type { Acting } from "./acting.js";
import { updateExtensions } from "./after.js";
import { type StaleCollations, staleCollations, type UsedCollations, usedCollations } from "./collations.js";
import { type Contents, contentsOf, differencesOf } from "./compare.js";
import { type Deferred, deferredTables, refuseWhatCannotFollow } from "./deferred.js";
import { byDump } from "./dump.js";
import { prepareHistory } from "./history.js";
import { type Journal, newJournal, reach, writeJournal } from "./journal.js";
import { pgUpgrade } from "./pgUpgrade.js";
import { NotPrepared, newServer, oldServer, prepare, refuseWhatIsInTheWay } from "./prepare.js";
import { type Workplace, whilePrivate } from "./private.js";
import { advancing } from "./progress.js";
import { type Space, sharesFiles, spaceOf } from "./space.js";
import { makeWorkplace, removeWorkplace } from "./workplace.js";

/** From a running old server to a whole new cluster beside it, which nobody has written to. @throws where something is wrong */
export async function begin(acting: Acting, plan: UpgradePlan, facts: UpgradeFacts): Promise<Journal> {
  const { context, args, server, host } = acting;
  const [refusal] = plan.refusals;
  if (refusal !== undefined) throw new NotPrepared(server.name, `it is refused (${refusal.code})`);
  const programs = { old: facts.host.oldPrograms.folder, new: facts.host.newPrograms.folder };
  // pg_upgrade's own are beside it; a dump's may lie elsewhere.
  const clients = hasClients(facts.host.newPrograms.missing) ? programs.new : (args.clientDirectory ?? programs.new);
  let journal = newJournal({ site: args.site, server: server.name }, facts.cluster, plan, programs);
  await refuseWhatIsInTheWay(host, server, journal, facts.cluster);
  await refuseWhatCannotFollow(acting, journal, facts);
  const at = await makeWorkplace(host, server, clients, context.signal);
  if (at.sockets !== at.work) journal = { ...journal, sockets: at.sockets };
  await writeJournal(host, server, journal);
  const space = await spaceOf(at, server, journal, plan.way);
  await context.progress(`making a cluster of PostgreSQL ${plan.to}`);
  const made = await prepare(at, server, journal, facts.cluster);
  journal = await writeJournal(host, server, {
    ...journal,
    systemIdentifiers: { ...journal.systemIdentifiers, new: made },
  });
  if (args.backups) await backUp(acting);
  journal = await stopOld(acting, journal);
  await context.progress(`looking at what PostgreSQL ${plan.from} has`);
  const old = oldServer(server, journal);
  const { before, used, deferred } = await whilePrivate(at, old, async () => ({
    before: await contentsOf(at, old),
    // A dump's indexes are made by the new server.
    used: journal.way === "dump" ? {} : await usedCollations(at, old),
    deferred: await deferredTables(at, old, journal),
  }));
  for (const [database, tables] of Object.entries(deferred)) {
    await context.log("info", `${tables.size} tables of ${database} get their rows later`);
  }
  const way = await transfer(acting, at, journal, facts, deferred, space);
  const collations = await check(acting, at, journal, before, used);
  await space.look();
  await removeWorkplace(at);
  const taken = { way, space: space.most() };
  return reach(host, server, journal, "transferred", { sockets: undefined, collations, taken });
}

/** By the host's own program, as its schedule would. */
async function backUp({ context, server }: Acting): Promise<void> {
  await context.progress("making a backup first");
  const { signal } = context;
  const outcome = await backup(server, { signal, report: () => undefined }).catch((error: unknown) => {
    throw new NotPrepared(server.name, `no backup can be made before it: ${messageOf(error)}`);
  });
  signal.throwIfAborted();
  switch (outcome.code) {
    case "good":
      await context.log("info", `the backup before the upgrade of ${server.name} is ${outcome.run}`);
      return;
    case "nothing":
      throw new NotPrepared(server.name, "its host makes no backup of it, since it takes no writes");
    case "ended":
      throw new NotPrepared(server.name, `the backup before it ended early: ${shownInLine(outcome.message)}`);
    case "failed":
      throw new NotPrepared(
        server.name,
        `the backup before it failed: ${shownInLine(`${outcome.object} ${outcome.message}`)}`,
      );
  }
}

async function stopOld(acting: Acting, journal: Journal): Promise<Journal> {
  const { context, args, server, host } = acting;
  const { signal } = context;
  const { binDirectory, version, settings, port } = { ...server, ...old(journal, server.port) };
  const before = { ...server, binDirectory, version, settings, port };
  const login = loginOf(args);
  const report = (line: string) => context.progress(line);
  const { patience } = await makeFit({ host, server: before, login, act: "restart", signal, report });
  const stopping = await reach(host, server, journal, "stopped");
  await context.progress(`stopping PostgreSQL ${journal.from}`);
  await stopServer(host, before, {
    deadline: 10 * 60_000,
    patience,
    waiting: (seconds, held) => context.progress(`stopping for ${seconds} s: ${held.map(shownInLine).join("; ")}`),
  });
  const control = await readControlFile(host, server.dataDirectory);
  if (control === undefined || !isAtRest(control))
    throw new Error(`PostgreSQL ${journal.from} did not shut down cleanly`);
  return stopping;
}

function old({ programs, from, settings }: Journal, port: number) {
  return { binDirectory: programs.old, version: from, settings, port: Number(settings.port ?? port) };
}

/** @returns how they came, as what was run and the files that it left say it */
async function transfer(
  acting: Acting,
  at: Workplace,
  journal: Journal,
  { cluster }: UpgradeFacts,
  deferred: Deferred,
  space: Space,
): Promise<Way> {
  const { context, args, server } = acting;
  const jobs = Math.max(1, args.wishes.jobs);
  const say = (line: string) => context.progress(line);
  if (journal.way === "dump") {
    const total = cluster.databases.reduce((sum, { size, deferredSize = 0 }) => sum + size - deferredSize, 0);
    const stopWatch = space.watch();
    await byDump(at, server, journal, deferred, jobs, total, say).finally(stopWatch);
    await space.look();
    return "dump";
  }
  const nothing = () => () => undefined;
  await context.progress(`pg_upgrade by ${journal.way}`);
  const advance = journal.way === "copy" ? advancing("copied", cluster.dataSize, space.look, say) : nothing;
  const asked = await pgUpgrade(at, server, journal, jobs, advance);
  await space.look();
  // What is in them is known by now, or of no use: one would remove what a rollback needs.
  await at.host.remove(join(at.work, "delete_old_cluster.sh"));
  return (await sharesFiles(at, server)) ? "link" : asked;
}

/**
 * All of it is there, and extensions are of the new version, before anybody uses it.
 * @returns the collations whose indexes are to be made again
 */
async function check(
  acting: Acting,
  at: Workplace,
  journal: Journal,
  before: Contents,
  used: UsedCollations,
): Promise<StaleCollations> {
  const { context, server } = acting;
  await context.progress(`comparing PostgreSQL ${journal.from} and ${journal.to}`);
  const made = newServer(server, journal, { autovacuum: "off" });
  return whilePrivate(at, made, async () => {
    const differences = differencesOf(before, await contentsOf(at, made), journal);
    if (differences.length > 0) {
      const words = contentDifferencesInWords(differences, `${journal.from} and ${journal.to}`);
      if (journal.keepsRollback) throw new Error(words);
      await context.log("warning", words);
    }
    await updateExtensions(at, made, (severity, line) => context.log(severity, line));
    // After the comparison: it makes a schema of its own.
    await prepareHistory(acting, at, made, journal);
    return staleCollations(at, made, used);
  });
}
