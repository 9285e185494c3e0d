import { join } from "node:path";
import type { FileStatus, Host } from "../../hosts/host.js";
import { permissionsOf } from "../../hosts/permissions.js";
import { type Major, majorOf } from "../../postgres/versions.js";
import { recordedFloors, recordedRole, wasShutDown } from "../../postgres/wal/controlFile.js";
import { configurationFacts } from "../data/configurationFacts.js";
import { readControlFile } from "../data/controlFile.js";
import { type CountedFiles, countedRuns, readServerFiles } from "../data/countedFiles.js";
import { otherProgram } from "../process/program.js";
import { isLive, isUnread, type LiveAccess, type LiveAnswer, liveOf, runningBeside } from "../status/live.js";
import { hostForReading, hostOf } from "../status/sharedHost.js";
import { type Pending, readPending } from "./pending.js";
import type { Observed, RolloutServer } from "./state.js";

/** @param login of the administrator @throws HostUnreachable */
export async function observeServer(
  server: RolloutServer,
  login: Omit<LiveAccess, "address">,
  signal: AbortSignal,
  fresh = false,
): Promise<Observed> {
  const host = await (fresh ? hostOf : hostForReading)(server.host);
  const { processState } = await import("../process/process.js");
  const [control, version, counted, process, pending, access] = await Promise.all([
    readControlFile(host, server.dataDirectory),
    versionOf(host, server),
    readServerFiles(host, server, [...Object.keys(server.files), ...server.absent]),
    processState(host, server.dataDirectory),
    readPending(host, server.controlDirectory),
    host.stat(join(server.dataDirectory, "pg_hba.conf")),
  ]);
  const { files } = counted;
  const facts = configurationFacts(files);
  const running = process.kind === "running";
  const owed = running && pending !== undefined ? owedOf(pending, process.pid) : undefined;
  const [program, certificate, live] = await Promise.all([
    otherProgram(host, process, server.binDirectory),
    running ? presented(server, signal) : undefined,
    running ? liveOf({ ...login, address: server }, signal, fresh) : undefined,
  ]);
  const runs =
    isLive(live) && owed?.settings === undefined
      ? await countedRuns(await runningBeside(live, files), counted, live.version)
      : {};
  const recovery = await isInRecovery(host, server, control, running, Object.keys(files));
  const recorded = control === undefined || running || !recovery ? undefined : recordedFloors(server.version, control);
  return {
    data: control === undefined ? "absent" : "present",
    state: serviceState(running, live),
    version,
    recovery,
    ...(recorded === undefined ? {} : { recorded }),
    ...(control === undefined || running || !recovery ? {} : await leftOver(host, server, control)),
    ...(!running && control !== undefined && wasShutDown(control) ? { shutDown: true } : {}),
    ...(program === undefined ? {} : { program }),
    ...(certificate === undefined ? {} : { certificate }),
    ...(running && (isUnread(live, access) || isRewritten(server, counted, access)) ? { unread: true } : {}),
    files: facts.files,
    ...(facts.rules === undefined ? {} : { rules: facts.rules }),
    ...(facts.secret === undefined ? {} : { secret: facts.secret }),
    settings: owed?.settings ?? facts.settings,
    ...(owed === undefined ? {} : { pending: owed.action }),
    ...(Object.keys(runs).length === 0 ? {} : { runs }),
  };
}

/** The major version of a server's data; the declared one where there are none, or none that pgsite knows. */
export async function versionOf(
  host: Host,
  { dataDirectory, version }: { readonly dataDirectory: string; readonly version: string },
): Promise<Major> {
  const found = await host.readFile(join(dataDirectory, "PG_VERSION"));
  return majorOf(found?.toString("utf8") ?? "") ?? (version as Major);
}

/** The fingerprint of the certificate that a server shows, where that is compared; undefined where it shows none. */
async function presented({ certificate, ...server }: RolloutServer, signal: AbortSignal): Promise<string | undefined> {
  if (certificate === undefined) return undefined;
  const { presentedBy } = await import("../sql/certificate.js");
  const shown = await presentedBy(server, signal).catch(() => undefined);
  return shown?.fingerprint256;
}

/** Its owner and mode are put right by writing it anew. */
function isRewritten(server: RolloutServer, counted: CountedFiles, access: FileStatus | undefined): boolean {
  if (access === undefined) return false;
  const found = permissionsOf(access);
  return found !== `0600 ${server.host.user}` && found !== counted.permissions["pg_hba.conf"];
}

/** A warm standby refuses, and a server that was told to let nobody in refuses: both are there. One that hangs is not. */
export function serviceState(running: boolean, live: LiveAnswer | undefined): Observed["state"] {
  if (!running) return "stopped";
  return live === undefined || isLive(live) || live.kind !== "timeout" ? "running" : "silent";
}

/**
 * Another process has started since with what was installed: to take it for one with the old values would let its
 * standbys go below it. What is left to do is to prove that it works.
 */
function owedOf(pending: Pending, pid: number): Pick<Pending, "action"> & Partial<Pending> {
  return pending.pid === undefined || pending.pid === pid ? pending : { action: "reload" };
}

/** What a stopped server would start with that nobody declares. */
async function leftOver(
  host: Host,
  server: RolloutServer,
  control: Buffer,
): Promise<Pick<Observed, "trigger" | "stale">> {
  const { leftOverTrigger } = await import("../takeover/triggerFile.js");
  const trigger = await leftOverTrigger(host, server);
  const wasPrimary = server.role === "primary" && recordedRole(control) === "primary";
  const copied = (await host.stat(join(server.dataDirectory, "backup_label"))) !== undefined;
  return { ...(trigger === undefined ? {} : { trigger }), ...(wasPrimary && !copied ? { stale: true } : {}) };
}

/**
 * Whether a server is a primary or in recovery. A warm standby answers no SQL, so its control file tells. A stopped one may be a base backup that was never started, whose control file is its
 * source's: then the files tell, which decide what it becomes when it starts.
 */
async function isInRecovery(
  host: Host,
  server: RolloutServer,
  control: Buffer | undefined,
  running: boolean,
  files: readonly string[],
): Promise<boolean> {
  const role = control === undefined ? undefined : recordedRole(control);
  if (role === "recovery") return true;
  if (running && role === "primary") return false;
  const signals = ["standby.signal", "recovery.signal", "recovery.conf"];
  if (signals.some((name) => files.includes(name))) return true;
  return (await host.stat(join(server.dataDirectory, "backup_label"))) !== undefined;
}
