import type { Server } from "../../config/site.js";
import { hostOf } from "../../hosts/index.js";
import { defined } from "../../postgres/defined.js";
import type { MoveEvent, MoveFacts, MovePhase } from "../../postgres/move/model.js";
import { type CopyProgress, noProgress } from "../baseBackup/progress.js";
import { readSystemIdentifier } from "../data/dataDirectory.js";
import { withLock } from "../data/lock.js";
import { makeFit, refuseStop } from "../process/canStop.js";
import { startServer } from "../process/process.js";
import { stopServer } from "../process/stop.js";
import { administratorOf } from "../sql/login.js";
import { type Login, withSession } from "../sql/session.js";
import { whoAreYou } from "../sql/writable.js";
import { makeStatistics } from "../upgrade/after.js";
import type { MoveAsked } from "./asked.js";
import { goBack } from "./back.js";
import { DumpCopy } from "./byDump.js";
import { writeFilesThere } from "./byHand.js";
import { type FirstPass, MoveCopy, unusedWalOf } from "./copy.js";
import { identifierThere, type MoveJournal, readJournal, writeJournal } from "./journal.js";
import { lookAtMove } from "./look.js";
import { disableService, enableService, fillControlDirectory, keptOf, renameOnce, writeFilesOf } from "./places.js";
import { MoveRefused } from "./refused.js";
import { countsOf, markOf } from "./since.js";

export interface MoveOptions extends MoveAsked {
  readonly report?: (event: MoveEvent) => void;
  readonly progress?: CopyProgress;
  /** Hears each phase when it is written down; what it throws cuts the move off there. For tests. */
  readonly onPhase?: (phase: MovePhase) => Promise<void> | void;
}

export interface Moved {
  readonly journal: MoveJournal;
  /** Absent where an earlier run had come so far. */
  readonly facts?: MoveFacts;
}

/** What was begun is gone on with from where the new place has all of it; else the old one runs again, and it begins anew. */
const goesOn: readonly MovePhase[] = ["switching", "started"];

/**
 * Moves a single server to another host, or another path: by its files, where it serves at the old place until all but what changes
 * every second has been copied, and is stopped for the rest; or by dump and restore, where it is stopped for all of it. What fails before the new server is proven brings the old one back.
 * @throws MoveRefused, and nothing was touched @throws CannotStop
 */
export async function moveServer(options: MoveOptions): Promise<Moved> {
  const { server, to } = options;
  return withLock(hostOf(server.host), server, `moving ${server.name} to ${to.host.name}`, async () => {
    const begun = await readJournal(server);
    if (begun !== undefined) {
      const isSame = begun.to.dataDirectory === to.dataDirectory && begun.to.host.address === to.host.address;
      const called = `${begun.to.dataDirectory} on ${begun.to.host.name} (${begun.to.host.address})`;
      if (!isSame) throw new MoveRefused(server.name, [{ code: "under way", to: called, phase: begun.phase }]);
      if (begun.phase === "done") return { journal: await makeStatisticsOnce(options, begun) };
      if (goesOn.includes(begun.phase)) return { journal: await finish(options, begun) };
      await goBack(begun, { ...options, login: administratorOf(options.site, options.passwords) });
    }
    const { facts, refusals } = await lookAtMove(options);
    if (refusals.length > 0 || facts === undefined) throw new MoveRefused(server.name, refusals);
    return { journal: await begin(options, facts), facts };
  });
}

async function begin(options: MoveOptions, facts: MoveFacts): Promise<MoveJournal> {
  const { site, server, to, passwords, signal, report = () => undefined, progress = noProgress } = options;
  const login = administratorOf(site, passwords);
  const from = hostOf(server.host);
  const systemIdentifier = await readSystemIdentifier(from, server.dataDirectory);
  if (systemIdentifier === undefined) throw new Error(`${server.dataDirectory} has no control file`);
  const asked = {
    host: from,
    server,
    login,
    act: "give up" as const,
    signal,
    report: (text: string) => report({ code: "line", text }),
  };
  await refuseStop(asked);
  let journal: MoveJournal = {
    format: 1,
    site: site.name,
    stack: site.stack,
    from: server,
    to,
    way: facts.way,
    phase: "copying",
    time: new Date().toISOString().replace(/[-:]|\.\d+/g, ""),
    systemIdentifier,
    apart: facts.apart,
    counts: {},
    ...defined({ runbook: options.runbook, jobs: facts.dump?.jobs }),
  };
  try {
    await remember(options, journal);
    const { dump: plan, apart, oneHost } = facts;
    const copy = new MoveCopy(server, to, apart, progress, signal);
    let before: FirstPass | undefined;
    let dump: DumpCopy | undefined;
    if (facts.way === "archive") {
      report({ code: "first pass", bytes: facts.bytes });
      before = await copy.first(await unusedWalOf(server, login, signal));
    } else if (plan !== undefined) {
      dump = await DumpCopy.make({ from: server, to, facts: plan, apart, oneHost, progress, report, signal });
      journal = { ...journal, sockets: dump.sockets };
      await writeJournal(journal);
      journal = { ...journal, newIdentifier: await dump.prepare() };
      await writeJournal(journal);
    }
    const fit = await makeFit(asked);
    const counts = await countsOf({ server, login, signal });
    const unused = await unusedWalOf(server, login, signal);
    journal = { ...journal, phase: "stopping", counts, stopped: Date.now() };
    await remember(options, journal);
    report({ code: "stopping" });
    // It is ended, and would recover elsewhere, only where somebody ends it: this copy is of one that was shut down.
    await stopServer(from, server, { patience: fit.patience });
    if (before !== undefined) {
      const { files, bytes } = await copy.rest(before, unused);
      report({ code: "second pass", files, bytes });
      const all = await copy.compare();
      const left = await writeFilesThere(server, to);
      if (left.length > 0) report({ code: "left behind", names: left });
      await copy.finish();
      report({ code: "compared", files: all, sums: copy.sums });
    }
    if (dump !== undefined) {
      await dump.transfer();
      await dump.finish();
      journal = { ...journal, statistics: "due" };
    }
    await fillControlDirectory(journal);
    journal = { ...journal, phase: "copied" };
    await remember(options, journal);
    return await finish(options, journal);
  } catch (error) {
    // Killed by a test in place of a SIGKILL: nothing is tidied up.
    if (error instanceof CutOff) throw error;
    const standing = await readJournal(server).catch(() => undefined);
    if (standing !== undefined && standing.phase !== "done") await goBack(standing, { ...options, login });
    throw error;
  }
}

/** Stands for a process that was killed where it was. */
export class CutOff extends Error {}

async function remember({ onPhase }: MoveOptions, journal: MoveJournal): Promise<void> {
  await writeJournal(journal);
  await onPhase?.(journal.phase);
}

/** From where the copy is whole: the new place takes over. */
async function finish(options: MoveOptions, given: MoveJournal): Promise<MoveJournal> {
  const { site, passwords, signal, report = () => undefined } = options;
  const login = administratorOf(site, passwords);
  const { from, to } = given;
  const source = hostOf(from.host);
  let journal: MoveJournal = given;
  try {
    if (journal.phase === "copied" || journal.phase === "switching") {
      if (journal.phase === "copied") {
        journal = { ...journal, phase: "switching" };
        await remember(options, journal);
      }
      await disableService(site.name, from);
      const kept = journal.way === "rename" ? to.dataDirectory : keptOf(journal);
      await renameOnce(source, from, from.dataDirectory, kept);
      report({ code: "renamed", from: from.dataDirectory, to: kept });
      if (journal.way === "rename") await writeFilesOf(to, from);
      await enableService(site.name, to).catch((error: Error) =>
        report({ code: "no service", because: error.message }),
      );
      await startServer(hostOf(to.host), to, { signal });
      journal = { ...journal, phase: "started" };
      await remember(options, journal);
    } else await startServer(hostOf(to.host), to, { signal });
    await prove(journal, to, login, { signal, report });
    const downtime = journal.stopped === undefined ? 0 : (Date.now() - journal.stopped) / 1000;
    report({ code: "proven", systemIdentifier: identifierThere(journal), downtime });
    const mark = await markOf({ server: to, login, signal });
    journal = { ...journal, phase: "done", downtime, mark };
    await remember(options, journal);
  } catch (error) {
    if (error instanceof CutOff) throw error;
    if (journal.phase !== "done") await goBack(journal, { ...options, login });
    throw error;
  }
  return makeStatisticsOnce(options, journal);
}

/** What a dump does not bring, made while clients work there already. Cut off, it is for the next `pgsite move`. */
async function makeStatisticsOnce(options: MoveOptions, journal: MoveJournal): Promise<MoveJournal> {
  if (journal.statistics === undefined) return journal;
  const { site, passwords, signal, report = () => undefined } = options;
  report({ code: "statistics" });
  const live = { server: journal.to, login: administratorOf(site, passwords), signal };
  await makeStatistics(live, false, journal.jobs ?? 1, async (_, text) => report({ code: "line", text }));
  const { statistics: _, ...made } = journal;
  await writeJournal(made);
  return made;
}

/** It answers, takes writes and is the same cluster; files and sums were compared before. @throws where not */
async function prove(
  journal: MoveJournal,
  to: Server,
  login: Login,
  { signal, report }: Required<Pick<MoveOptions, "signal" | "report">>,
): Promise<void> {
  const { counts, way } = journal;
  const systemIdentifier = identifierThere(journal);
  const own = await readSystemIdentifier(hostOf(to.host), to.dataDirectory);
  await withSession(to, login, { timeout: 30_000, signal }, async (session) => {
    const is = await whoAreYou(session);
    const other = is.systemIdentifier ?? own;
    if (other !== systemIdentifier) throw new Error(`${to.name} at the new place has the system identifier ${other}`);
    if (is.inRecovery) throw new Error(`${to.name} at the new place is in recovery`);
    if (is.version !== to.version) throw new Error(`${to.name} at the new place is ${is.version}`);
  });
  // Of a dump more than this was compared, while nobody worked; and what its catalogues count of themselves is another cluster's.
  if (way === "dump") return;
  const now = await countsOf({ server: to, login, signal });
  const wrong = [...new Set([...Object.keys(counts), ...Object.keys(now)])].find((name) => counts[name] !== now[name]);
  // Clients work there already, and did until it was stopped: what they made or dropped is no reason to go back.
  if (wrong !== undefined) report({ code: "other counts", what: wrong, before: counts[wrong], now: now[wrong] });
}
