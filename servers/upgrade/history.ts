import type { Server } from "../../config/site.js";
import { hostOf } from "../../hosts/index.js";
import type { LeftFile } from "../../installed/folder.js";
import type { MigrateFacts } from "../../installed/migrate/render.js";
import { defined } from "../../postgres/defined.js";
import { tellMigration } from "../migrate/ask.js";
import { migrateFacts } from "../migrate/facts.js";
import {
  installMigration,
  installProgram,
  prepareMigration,
  removeMigration,
  removeProgram,
} from "../migrate/install.js";
import type { Acting } from "./acting.js";
import { isBefore, type Journal, readJournal } from "./journal.js";
import type { PrivateServer, Workplace } from "./private.js";
import { asAfter } from "./switch.js";

/*
 * History in the course of an upgrade: what brings it is put there on the private new server, runs from when clients have that, and
 * goes with the commit or the rollback, before the data that it reads.
 */

/** What it is brought by; undefined where nothing was deferred. */
export function historyOf({ args, server }: Pick<Acting, "args" | "server">, journal: Journal) {
  const { site: name, administrator, clientDirectory } = args;
  const site = { name, administrator, servers: Object.values(args.servers), ...defined({ clientDirectory }) };
  return migrateFacts(site, asAfter(server, journal), journal);
}

/** Before anybody may write to the new server: what has no row now may have new ones later, and takes those of before as well. */
export async function prepareHistory(acting: Acting, at: Workplace, made: PrivateServer, journal: Journal) {
  const facts = historyOf(acting, journal);
  if (facts === undefined) return;
  const { host } = acting.server;
  await installProgram(host, facts, acting.args.administratorPassword);
  await prepareMigration(host, facts, { sockets: at.sockets, port: made.port });
}

/** From now on it comes. Done again, what is missing of it is put there. */
export async function beginHistory({ args, server, context }: Acting, journal: Journal): Promise<void> {
  const facts = historyOf({ args, server }, journal);
  if (facts === undefined) return;
  await installMigration(server.host, facts, args.administratorPassword);
  await context.log("info", `the history of ${server.name} follows while it works: pgsite migrate status`);
}

/** No run, no old server, no schedule and no program any more. @throws where it does not end: the data that it reads stay */
export async function endHistory(acting: Acting, journal: Journal): Promise<void> {
  const facts = historyOf(acting, journal);
  if (facts === undefined) return;
  await acting.context.progress("ending what brings the history");
  await sayLeft(acting, await removeMigration(acting.server.host, facts));
}

/** The server that it was ended for works on after all. */
export async function takeUpHistory(acting: Acting, journal: Journal): Promise<void> {
  if (historyOf(acting, journal) === undefined) return;
  await beginHistory(acting, journal);
  await tellMigration(acting.server, ["resume"]);
}

/** Of an upgrade that goes back before clients had it: nothing has run yet, and whatever answers there now is the old server. */
export async function discardHistory(acting: Acting, journal: Journal): Promise<void> {
  const facts = historyOf(acting, journal);
  if (facts === undefined) return;
  await sayLeft(acting, await removeProgram(acting.server.host, facts));
}

async function sayLeft({ context, host }: Acting, left: readonly LeftFile[]): Promise<void> {
  for (const { path, because } of left) {
    const why = because === "changed" ? "it is no longer what pgsite wrote" : "pgsite did not put it there";
    await context.log("warning", `${path} on ${host.name} is left: ${why}`);
  }
}

/** What history of a server follows, as its host has it in its journal; undefined where none does, or it is through and committed. */
export async function historyThere(
  site: Parameters<typeof migrateFacts>[0],
  server: Server,
): Promise<MigrateFacts | undefined> {
  const journal = await readJournal(hostOf(server.host), server);
  if (journal === undefined || journal.rollingBack === true || journal.historyEnded === true) return undefined;
  return isBefore(journal.phase, "started") ? undefined : migrateFacts(site, asAfter(server, journal), journal);
}
