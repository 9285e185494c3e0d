import { join } from "node:path";
import { versionDirectory } from "../../config/controlDirectory.js";
import type { Server } from "../../config/site.js";
import { hostOf } from "../../hosts/index.js";
import { must } from "../../installed/must.js";
import { withLock } from "../data/lock.js";
import { processState, startServer } from "../process/process.js";
import { stopServer } from "../process/stop.js";
import { type Context, messageOf } from "../rollout/reporter.js";
import { loginOf } from "../rollout/site.js";
import { type Acting, actingOn } from "./acting.js";
import { databasesOf } from "./compare.js";
import { forget } from "./forget.js";
import { endHistory, takeUpHistory } from "./history.js";
import { isBefore, type Journal, readJournal, writeJournal } from "./journal.js";
import { connection, named, surroundings, type Workplace, whilePrivate } from "./private.js";
import { putBack, versionIn } from "./standbys.js";
import type { UpgradeArgs } from "./state.js";
import { asAfter, asBefore, switchBack } from "./switch.js";
import { endLeftovers, makeWorkplace, removeWorkplace } from "./workplace.js";
import { inPlace, lastOf, nowOf, type Written, writtenBetween } from "./written.js";

export interface RollbackOptions {
  /** A folder of the server's host, which is made, for dumps of all that the new server has. */
  readonly save?: string;
  /** Hears what will be lost, as far as a running server tells it, and says whether to go on. */
  readonly confirm: (written: Written | undefined) => Promise<boolean>;
}

export type RollbackOutcome =
  | { readonly code: "declined" }
  /** `written`: all of it; undefined where the new server could not be asked any more. */
  | {
      readonly code: "done";
      readonly journal: Journal;
      readonly written?: Written;
      readonly saved?: readonly string[];
      /** Which standbys follow it again. */
      readonly standbys: readonly string[];
      /** Which do not yet: another rollback is theirs. */
      readonly behind: readonly string[];
      readonly newer: string;
    };

/** Nothing was touched. */
export class NoRollback extends Error {
  constructor(server: string, reason: string) {
    super(`${server} cannot be rolled back: ${reason}; nothing was touched`);
    this.name = "NoRollback";
  }
}

/** Back to the old version's data and programs. Cut off, it is finished by doing it again. */
export async function rollback(
  context: Context,
  args: UpgradeArgs,
  name: string,
  { save, confirm }: RollbackOptions,
): Promise<RollbackOutcome> {
  const acting = actingOn(context, args, name);
  const { host, server } = acting;
  return withLock(host, server, `rolling ${name} back`, async () => {
    const found = await readJournal(host, server);
    if (found === undefined) throw new NoRollback(name, "no upgrade of it is under way or waits for its commit");
    await refuse(acting, found);
    await endLeftovers(host, server);
    const runs = (await processState(host, server.dataDirectory)).kind === "running";
    const login = loginOf(args);
    const live = { server: asAfter(server, found), login, signal: context.signal };
    const before = runs && found.rollingBack !== true ? writtenBetween(found, await nowOf(live, found)) : undefined;
    if (found.rollingBack !== true && !(await confirm(before))) return { code: "declined" };
    const journal = await writeJournal(host, server, { ...found, rollingBack: true });
    // Where an earlier rollback was cut off, what answers may be the old server already, and nothing brings anything.
    if ((await versionIn(host, server.dataDirectory)) === journal.to) await endHistory(acting, journal);
    const done = await lastWords(acting, journal, save);
    const newer = versionDirectory(server.dataDirectory, journal.to);
    await switchBack(host, server, journal, newer);
    await context.progress(`starting PostgreSQL ${journal.from}`);
    await startServer(host, asBefore(server, journal), { deadline: 10 * 60_000 });
    const { back, behind } = await standbysBack(acting);
    // By the primary's journal a standby that is behind finds what it goes back to.
    if (behind.length === 0) await forget(host, server, journal);
    return { code: "done", journal, ...done, standbys: back, behind, newer };
  });
}

async function refuse({ host, server }: Acting, journal: Journal): Promise<void> {
  const { role, phase, keepsRollback, way, from, to, rollingBack } = journal;
  if (role === "standby") throw new NoRollback(server.name, "it is a standby, which goes back with its primary");
  if (!keepsRollback) {
    throw new NoRollback(server.name, `by ${way}, the data of ${from} share their files with those of ${to}`);
  }
  if (rollingBack === true) return;
  if (isBefore(phase, "started")) {
    throw new NoRollback(server.name, "its upgrade is not through: the next pulumi up goes back or on by itself");
  }
  const newer = versionDirectory(server.dataDirectory, to);
  if ((await host.stat(newer)) !== undefined) {
    throw new NoRollback(
      server.name,
      `${newer} on ${host.name}, where the data of ${to} would be put, is there already`,
    );
  }
}

/** Stops the new server for good; by itself, once more, it says all that it has, and gives it away. */
async function lastWords(
  acting: Acting,
  journal: Journal,
  save: string | undefined,
): Promise<{ readonly written?: Written; readonly saved?: readonly string[] }> {
  const { context, args, host, server } = acting;
  // Where an earlier rollback was cut off, the old data are in their place.
  if ((await versionIn(host, server.dataDirectory)) !== journal.to) return {};
  await context.progress(`stopping PostgreSQL ${journal.to}`);
  await stopServer(host, asAfter(server, journal), { mayCrash: true, deadline: 10 * 60_000 });
  const hasOwn = (await host.stat(join(journal.programs.new, "pg_dump"))) !== undefined;
  const clients = hasOwn ? journal.programs.new : (args.clientDirectory ?? journal.programs.new);
  const at = await makeWorkplace(host, server, clients, context.signal);
  const last = inPlace(server, journal);
  try {
    return await whilePrivate(at, last, async () => {
      const written = writtenBetween(journal, await lastOf(at, last, journal));
      const saved = save === undefined ? undefined : await saveAll(acting, at, journal, save);
      return { ...(written === undefined ? {} : { written }), ...(saved === undefined ? {} : { saved }) };
    });
  } catch (error) {
    if (save === undefined) {
      await context.log("warning", `what PostgreSQL ${journal.to} has cannot be read any more: ${messageOf(error)}`);
      return {};
    }
    // Nothing was saved, so nothing is given up.
    const { rollingBack: _, ...before } = journal;
    await startServer(host, asAfter(server, journal), { deadline: 10 * 60_000 });
    await writeJournal(host, server, before);
    await takeUpHistory(acting, before);
    throw new Error(
      `${server.name} is not rolled back, since what it has cannot be saved: ${messageOf(error)}. PostgreSQL ${journal.to} runs again`,
      { cause: error },
    );
  } finally {
    await removeWorkplace(at);
  }
}

/** @returns paths of the dumps */
async function saveAll({ context, server, host }: Acting, at: Workplace, journal: Journal, folder: string) {
  await host.makeDirectory(folder);
  if (((await host.list(folder)) ?? []).length > 0) throw new Error(`${folder} on ${host.name} is not empty`);
  const last = inPlace(server, journal);
  const given = { cwd: at.work, env: surroundings(last), timeout: 14 * 24 * 3600_000, signal: at.signal };
  const saved: string[] = [];
  for (const database of await databasesOf(at, last)) {
    const path = join(folder, `${/^[\w.-]+$/.test(database) ? database : Buffer.from(database).toString("hex")}.dump`);
    await context.progress(`saving ${database} to ${path}`);
    await must(
      host,
      [join(at.clients, "pg_dump"), "-Fc", "-f", path, ...connection(at, last), "-d", named(database)],
      given,
    );
    saved.push(path);
  }
  const globals = join(folder, "globals.sql");
  await must(
    host,
    [join(at.clients, "pg_dumpall"), "-g", "-f", globals, ...connection(at, last), "-l", "template1"],
    given,
  );
  return [...saved, globals];
}

/** Standbys that were set aside follow the old primary again. */
async function standbysBack({
  context,
  args,
  server,
}: Acting): Promise<{ readonly back: readonly string[]; readonly behind: readonly string[] }> {
  const behind: string[] = [];
  const others = Object.values(args.servers).filter(({ name, lost }) => name !== server.name && lost === undefined);
  const done = await Promise.all(
    others.map(async (other) => {
      try {
        return (await oneBack(other)) ? [other.name] : [];
      } catch (error) {
        await context.log("warning", `${other.name} is not rolled back: ${messageOf(error)}`);
        behind.push(other.name);
        return [];
      }
    }),
  );
  return { back: done.flat(), behind: behind.sort() };
}

/** @returns whether it was set aside */
async function oneBack(server: Server): Promise<boolean> {
  const host = hostOf(server.host);
  return withLock(host, server, `rolling ${server.name} back`, async () => {
    const journal = await readJournal(host, server);
    if (journal?.role !== "standby") return false;
    await stopServer(host, asAfter(server, journal), { mayCrash: true });
    await putBack(host, server, journal);
    await startServer(host, asBefore(server, journal), { deadline: 10 * 60_000 });
    await forget(host, server, journal);
    return true;
  });
}
