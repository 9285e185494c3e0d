import { join } from "node:path";
import { controlNames, controlPath, movedDirectory } from "../../config/controlDirectory.js";
import type { Server } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { installRunbook } from "../../installed/runbook/install.js";
import { claimInstance } from "../../installed/runbook/instance.js";
import { disableAtBoot } from "../../installed/service/atBoot.js";
import { findManager, installService, readService, takesRoot } from "../../installed/service/manager.js";
import { serviceFacts } from "../../installed/service/of.js";
import { defined } from "../../postgres/defined.js";
import { fileOf } from "../../postgres/files/places.js";
import { readServerFiles } from "../data/countedFiles.js";
import { readIdentity, writeIdentity } from "../data/dataDirectory.js";
import { makeFolder, rename } from "../data/places.js";
import { writeServerFile } from "../data/staging.js";
import { identifierThere, type MoveJournal } from "./journal.js";

/** Where the old data are, once they have moved. */
export function keptOf({ from, time }: Pick<MoveJournal, "from" | "time">): string {
  return movedDirectory(from.dataDirectory, time);
}

/** What of a control directory belongs to the server wherever it is; the rest is rendered for its place, by the next `up`. */
const goesAlong = ["passfile", "certificate", "key", "authorities", "adopted", "adoptedFiles"] as const;

/** Brings that to the new place. */
export async function carryControl(from: Server, to: Server): Promise<void> {
  const [source, target] = [hostOf(from.host), hostOf(to.host)];
  await makeFolder(target, to, to.controlDirectory);
  for (const what of goesAlong) await copyPath(source, controlPath(from, what), target, controlPath(to, what));
}

/**
 * Writes what the new place's control directory needs before a start there. The guard of a database that exists once comes along,
 * and lets it start at the new place and nowhere else; the identity makes the data ours.
 */
export async function fillControlDirectory(journal: MoveJournal): Promise<void> {
  const { site, from, to, runbook } = journal;
  const target = hostOf(to.host);
  await carryControl(from, to);
  if (runbook?.alone !== undefined) {
    await claimInstance(target, to);
    await installRunbook(target, runbook);
  }
  const stack = (await readIdentity(hostOf(from.host), from))?.stack;
  const systemIdentifier = identifierThere(journal);
  await writeIdentity(target, to, { site, server: to.name, ...defined({ stack }), systemIdentifier });
}

export async function copyPath(source: Host, from: string, target: Host, to: string): Promise<void> {
  const status = await source.stat(from);
  if (status === undefined) return;
  if (status.type === "directory") {
    await target.makeDirectory(to);
    for (const name of (await source.list(from)) ?? [])
      await copyPath(source, join(from, name), target, join(to, name));
    return;
  }
  const content = await source.readFile(from);
  if (content !== undefined) await target.writeFile(to, content, { mode: status.mode });
}

/** Gives data the files of their place: those that the stack declares otherwise for it; what was written by hand stays where it says the same. */
export async function writeFilesOf(server: Server, before: Server): Promise<void> {
  const host = hostOf(server.host);
  for (const [name, content] of Object.entries(server.files)) {
    if (content === (before.files[name] ?? null)) continue;
    if (content === null) await host.remove(fileOf(server, name));
    else await writeServerFile(host, server, name, content);
  }
}

/** Whether all files are as declared. */
export async function filesAreDeclared(host: Host, server: Server): Promise<boolean> {
  const names = Object.keys(server.files);
  const { files } = await readServerFiles(host, server, names);
  return names.every((name) => (files[name] ?? null) === (server.files[name] ?? null));
}

/** A rename that was done already is fine. @throws where neither is there, or both */
export async function renameOnce(host: Host, server: Server, from: string, to: string): Promise<void> {
  const [there, done] = await Promise.all([host.stat(from), host.stat(to)]);
  if (there === undefined && done !== undefined) return;
  if (done !== undefined) throw new Error(`${from} and ${to} are both there on ${host.name}: see which one is wanted`);
  await rename(host, server, from, to);
}

/** Nothing starts a server at its host's next boot. Where nothing ever did, nothing is done. */
export async function disableService(site: string, server: Server): Promise<void> {
  const found = await serviceOf(site, server);
  if (found === undefined || !found.service.enabled) return;
  await disableAtBoot(found.as, found.manager, found.facts);
}

/** What starts it with its host, as `NAME-service` makes it. */
export async function enableService(site: string, server: Server): Promise<void> {
  const found = await serviceOf(site, server);
  if (found === undefined || found.service.maker === "foreign") return;
  await installService(found.as, found.manager, found.facts, found.service);
}

async function serviceOf(site: string, server: Server) {
  const declared = server.service?.manager;
  if (declared === undefined || declared === "none") return undefined;
  const host = hostOf(server.host);
  const facts = serviceFacts(site, server);
  const hasCrontab = (await host.stat(`${server.controlDirectory}/${controlNames.service}`)) !== undefined;
  const manager = declared !== "auto" ? declared : hasCrontab ? "crontab" : await findManager(host);
  if (manager === "none") return undefined;
  const service = await readService(host, manager, facts);
  const as = takesRoot(manager) ? hostOf({ ...server.host, user: "root" }) : host;
  return { facts, manager, service, as };
}
