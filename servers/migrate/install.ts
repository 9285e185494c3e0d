import { controlPath } from "../../config/controlDirectory.js";
import type { HostSpec } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { installFiles, type LeftFile, removeFiles } from "../../installed/folder.js";
import { type JobSet, jobFiles, schedulesOf } from "../../installed/jobs/kinds.js";
import { type MigrateFacts, migrateProgram } from "../../installed/migrate/render.js";
import { findScheduler, hostTimes, installSchedule, removeSchedule } from "../../installed/schedule.js";
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
  left.push(...(await removeFiles(hosts.host, await jobFiles(set))));
  return left;
}

async function tell(spec: HostSpec, facts: MigrateFacts, args: readonly string[]): Promise<void> {
  const program = migrateProgram(facts.job.controlDirectory);
  const { code, stderr } = await hostOf(spec).run([program, "--events", ...args], { timeout: 900_000 });
  if (code !== 0) throw new Error(`${program} ${args[0]} on ${spec.name} ended with ${code}: ${stderr.trim()}`);
}
