import { join } from "node:path";
import { controlPath } from "../../config/controlDirectory.js";
import type { HostSpec } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { declaredFiles, installFiles, type LeftFile, readFiles, removeFiles } from "../../installed/folder.js";
import { type JobSet, jobFiles, schedulesOf } from "../../installed/jobs/kinds.js";
import { compare } from "../../installed/listing.js";
import { type MigrateFacts, migrateFolder, migratePassfile, migrateProgram } from "../../installed/migrate/render.js";
import {
  compareSchedule,
  declaredSchedule,
  findScheduler,
  hostTimes,
  installSchedule,
  readSchedule,
  removeSchedule,
} from "../../installed/schedule.js";
import { renderPassfile } from "../../postgres/files/passfile.js";
import { scheduleHosts } from "../process/scheduleHosts.js";

/** Every minute: what is cut off by whatever it is goes on in the next one. A run that goes on keeps others from beginning. */
const times = [{ program: "migrate", cron: "* * * * *" }];

function setOf(facts: MigrateFacts): JobSet {
  return { kind: "migrate", facts, times };
}

/**
 * Puts the program there, without anything that runs it: before an upgrade's switch, so that `prepare` can be asked of it.
 * @param password of the administrator, as whom it connects where the server's OS user may not be the superuser by its socket
 */
export async function installProgram(spec: HostSpec, facts: MigrateFacts, password?: string): Promise<void> {
  const host = hostOf(spec);
  const { controlDirectory, connection, port } = facts.job;
  await host.makeDirectory(controlPath({ controlDirectory }, "jobs"));
  await host.makeDirectory(migrateFolder(controlDirectory));
  if ("passfile" in connection && password !== undefined) {
    const { address, role: user, passfile } = connection;
    const content = renderPassfile([{ host: address, port, database: "*", user, password }]);
    await host.writeFile(passfile, content, { mode: 0o600 });
  }
  await installFiles(host, await jobFiles(setOf(facts)));
}

/** Notes which deferred tables have no rows, through sockets of a server that nobody else gets to yet: what they have later is new. */
export async function prepareMigration(
  spec: HostSpec,
  facts: MigrateFacts,
  by: { readonly sockets: string; readonly port: number },
): Promise<void> {
  await tell(spec, facts, ["prepare", by.sockets, `${by.port}`]);
}

/** Whether somebody there can run it by himself. */
export async function canBeScheduled(spec: HostSpec): Promise<boolean> {
  return (await findScheduler(await scheduleHosts(spec))) !== undefined;
}

/** Puts program and schedule there: from now on the history comes. */
export async function installMigration(spec: HostSpec, facts: MigrateFacts, password?: string): Promise<void> {
  await installProgram(spec, facts, password);
  const hosts = await scheduleHosts(spec);
  const scheduler = await findScheduler(hosts);
  if (scheduler === undefined)
    throw new Error(
      `${spec.name} has neither systemd nor cron nor a crontab program, so nothing brings ${facts.job.server}'s history there: install cron, and run ${migrateProgram(facts.job.controlDirectory)} until then`,
    );
  for (const schedule of schedulesOf(setOf(facts))) {
    await installSchedule(hosts, scheduler, await hostTimes(hosts.host, scheduler, schedule));
  }
}

/** Ends it: no run, no old server, no schedule, no program. For a rollback, and when all is through. Its state in databases stays. */
export async function removeMigration(spec: HostSpec, facts: MigrateFacts): Promise<readonly LeftFile[]> {
  const hosts = await scheduleHosts(spec);
  const set = setOf(facts);
  const left: LeftFile[] = [];
  const scheduler = await findScheduler(hosts);
  for (const schedule of scheduler === undefined ? [] : schedulesOf(set)) {
    if (scheduler !== undefined)
      left.push(...(await removeSchedule(hosts, scheduler, await hostTimes(hosts.host, scheduler, schedule))));
  }
  const program = migrateProgram(facts.job.controlDirectory);
  if ((await hosts.host.stat(program)) !== undefined) await tell(spec, facts, ["stop"]);
  return [...left, ...(await removeProgram(spec, facts))];
}

/** Takes away the program alone, of an upgrade that goes back before anything ran it. */
export async function removeProgram(spec: HostSpec, facts: MigrateFacts): Promise<readonly LeftFile[]> {
  const host = hostOf(spec);
  await host.remove(migratePassfile(facts.job.controlDirectory));
  return removeFiles(host, await jobFiles(setOf(facts)));
}

/** What of it is not as it was put there. */
export type NotAsInstalled =
  | { readonly code: "file"; readonly path: string; readonly is: "missing" | "changed" }
  | { readonly code: "schedule"; readonly name: string; readonly is: "missing" | "changed" | "off" | "not run" }
  | { readonly code: "no scheduler" };

/** No resource holds program and schedule: whoever asks how far it is hears of what is not so. */
export async function compareInstalled(spec: HostSpec, facts: MigrateFacts): Promise<readonly NotAsInstalled[]> {
  const set = setOf(facts);
  const hosts = await scheduleHosts(spec);
  const files = await jobFiles(set);
  const found: NotAsInstalled[] = compare(declaredFiles(files), await readFiles(hosts.host, files)).map(
    ({ name, kind }) => ({
      code: "file",
      path: join(files.folder, name),
      is: kind === "missing" ? "missing" : "changed",
    }),
  );
  const { connection } = facts.job;
  if ("passfile" in connection && (await hosts.host.stat(connection.passfile)) === undefined) {
    found.push({ code: "file", path: connection.passfile, is: "missing" });
  }
  const scheduler = await findScheduler(hosts);
  if (scheduler === undefined) return [...found, { code: "no scheduler" }];
  for (const schedule of schedulesOf(set)) {
    const said = await hostTimes(hosts.host, scheduler, schedule);
    const is = await readSchedule(hosts, scheduler, said);
    const differing = compareSchedule(scheduler, declaredSchedule(scheduler, said), is).map(({ kind }) => kind);
    for (const kind of new Set(differing)) found.push({ code: "schedule", name: schedule.name, is: states[kind] });
  }
  return found;
}

const states = {
  missing: "missing",
  content: "changed",
  permissions: "changed",
  disabled: "off",
  stopped: "not run",
} as const;

async function tell(spec: HostSpec, facts: MigrateFacts, args: readonly string[]): Promise<void> {
  const program = migrateProgram(facts.job.controlDirectory);
  const { code, stderr } = await hostOf(spec).run([program, "--events", ...args], { timeout: 900_000 });
  if (code !== 0) throw new Error(`${program} ${args[0]} on ${spec.name} ended with ${code}: ${stderr.trim()}`);
}
