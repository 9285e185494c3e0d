import { join } from "node:path";
import { controlPath, movedDirectory } from "../../config/controlDirectory.js";
import type { Server } from "../../config/site.js";
import { hostOf } from "../../hosts/index.js";
import { defined } from "../../postgres/defined.js";
import type { MoveEvent, WrittenSince } from "../../postgres/move/model.js";
import { inspectDataDirectory } from "../data/dataDirectory.js";
import { removeFolder } from "../data/places.js";
import { processState, startServer } from "../process/process.js";
import { stopServer } from "../process/stop.js";
import type { Login } from "../sql/session.js";
import { endWorkingIn } from "../upgrade/workplace.js";
import { isIncomplete } from "./copy.js";
import { type MoveJournal, removeJournal } from "./journal.js";
import { disableService, enableService, keptOf, renameOnce, writeFilesOf } from "./places.js";
import { MoveRefused } from "./refused.js";
import { writtenSince } from "./since.js";

export interface BackOptions {
  readonly login: Login;
  readonly signal: AbortSignal;
  readonly report?: (event: MoveEvent) => void;
}

/** What the new place has written since it was proven; undefined where that cannot be asked, or it never was. */
export async function sinceMoved(
  { to, mark, way }: MoveJournal,
  { login, signal }: BackOptions,
): Promise<WrittenSince | undefined> {
  // By rename it goes back with all of it.
  if (mark === undefined || way === "rename") return undefined;
  return writtenSince({ server: to, login, signal }, mark).catch(() => undefined);
}

/**
 * Brings the old place back into service, from wherever a move has come to. What the new one has is kept under another name if it was
 * ever started there, and goes if it was only a copy. A signal that ends the command does not end this.
 */
export async function goBack(journal: MoveJournal, { report = () => undefined }: BackOptions): Promise<void> {
  const { from, to, way, phase, time } = journal;
  const [source, target] = [hostOf(from.host), hostOf(to.host)];
  const wasStarted = ["started", "done", "switching"].includes(phase);
  if (way === "dump") await endDump(journal);
  if (wasStarted) {
    await stopServer(target, to, { mayCrash: true });
    await disableService(journal.site, to).catch(() => undefined);
  }
  let kept: string | undefined;
  if (way === "rename") {
    // What is in the new place is all that there is.
    if ((await source.stat(from.dataDirectory)) === undefined) {
      await renameOnce(source, from, to.dataDirectory, from.dataDirectory);
      await writeFilesOf(from, to);
    }
  } else {
    if ((await source.stat(from.dataDirectory)) === undefined)
      await renameOnce(source, from, keptOf(journal), from.dataDirectory);
    kept = await clearNewPlace(journal, wasStarted, time);
  }
  if (phase === "switching" || wasStarted) await enableService(journal.site, from);
  await startServer(source, from);
  await removeNewControl(to);
  await removeJournal(journal);
  report({ code: "back", running: true, ...defined({ kept }) });
}

/** What a dump has started, or a killed one has left: programs by their working folder, private servers by their data. */
async function endDump({ from, to, phase, sockets }: MoveJournal): Promise<void> {
  const [source, target] = [hostOf(from.host), hostOf(to.host)];
  await endWorkingIn(source, [controlPath(from, "moveWork")]);
  await endWorkingIn(target, [controlPath(to, "moveWork"), controlPath(to, "initdb")]);
  if (["copying", "stopping"].includes(phase)) await stopServer(target, to, { mayCrash: true });
  // One that was started for the dump lets nobody in.
  if (phase === "stopping") await stopServer(source, from, { deadline: 10 * 60_000 });
  await source.remove(controlPath(from, "moveWork"));
  await target.remove(controlPath(to, "moveWork"));
  if (sockets?.from !== undefined) await source.remove(sockets.from);
  if (sockets?.to !== undefined) await target.remove(sockets.to);
}

async function clearNewPlace(
  { to, apart }: MoveJournal,
  wasStarted: boolean,
  time: string,
): Promise<string | undefined> {
  const target = hostOf(to.host);
  const { kind } = await inspectDataDirectory(target, to);
  if (kind === "absent" || kind === "empty") return undefined;
  if (wasStarted && kind === "ours") {
    const kept = movedDirectory(to.dataDirectory, time);
    await renameOnce(target, to, to.dataDirectory, kept);
    return kept;
  }
  // Only what this move has begun there, or finished and never started.
  if (kind !== "ours" && !(await isIncomplete(target, to))) return undefined;
  await removeFolder(target, to, to.dataDirectory);
  for (const { leadsTo } of apart) await target.remove(leadsTo);
  return undefined;
}

/** Without its identity nothing takes the place for a server's. */
async function removeNewControl(to: Server): Promise<void> {
  const target = hostOf(to.host);
  if ((await target.stat(to.dataDirectory)) === undefined) await removeFolder(target, to, to.controlDirectory);
  else await target.remove(controlPath(to, "identity"));
}

/** Takes the old data away: from now on there is no way back. @throws MoveRefused where the new server is not proven, or does not run */
export async function commitMove(journal: MoveJournal): Promise<void> {
  const { from, to, way, phase, apart } = journal;
  if (phase !== "done") throw new MoveRefused(from.name, [{ code: "not done", phase }]);
  const [source, target] = [hostOf(from.host), hostOf(to.host)];
  if ((await processState(target, to.dataDirectory)).kind !== "running") {
    throw new MoveRefused(from.name, [{ code: "not running" }]);
  }
  if (way !== "rename") {
    await removeFolder(source, from, keptOf(journal));
    for (const { leadsTo } of apart) await clearFolder(source, leadsTo);
  }
  await target.remove(controlPath(to, "move"));
  await removeFolder(source, from, from.controlDirectory);
}

/** The folder itself may be a disk's. */
async function clearFolder(host: ReturnType<typeof hostOf>, folder: string): Promise<void> {
  for (const name of (await host.list(folder)) ?? []) {
    if (name !== "lost+found") await host.remove(join(folder, name));
  }
}
