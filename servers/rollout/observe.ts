import { join } from "node:path";
import type { FileStatus, Host } from "../../hosts/host.js";
import { keyText } from "../../hosts/key.js";
import { permissionsOf } from "../../hosts/permissions.js";
import { defined } from "../../postgres/defined.js";
import type { RunsWith } from "../../postgres/files/differences.js";
import type { LockedOut } from "../../postgres/lockedOut.js";
import { type Major, majorOf } from "../../postgres/versions.js";
import { recordedFloors, recordedRole, wasShutDown } from "../../postgres/wal/controlFile.js";
import { configurationFacts } from "../data/configurationFacts.js";
import { type CountedFiles, countedRuns } from "../data/countedFiles.js";
import { declaredPermissions } from "../data/staging.js";
import type { ProcessState } from "../process/process.js";
import {
  isAsDeclared,
  isLive,
  isUnread,
  keyOf,
  type LiveAccess,
  type LiveAnswer,
  runningBeside,
} from "../status/live.js";
import type { Look } from "../status/look.js";
import type { Live } from "../status/runningSettings.js";
import { ifTold } from "./ifTold.js";
import { type Pending, readPending } from "./pending.js";
import type { Observed, RolloutServer } from "./state.js";

/** What a server is asked for. */
export interface Asked {
  /** The major version of its data where these do not tell. */
  readonly version: Major;
  /** The configuration files that are of interest. */
  readonly names: readonly string[];
  /** Without it nobody asks which program it is. */
  readonly binDirectory?: string;
  /** Without it nobody asks the server itself. */
  readonly access?: LiveAccess;
}

/** What is really there of a server's configuration, and of what it runs with: the one reading of it, for all who show a part. */
export interface ServerObservation {
  /** Of its data; the declared one where there are none, or none that pgsite knows. */
  readonly version: Major;
  readonly counted: CountedFiles;
  readonly process: ProcessState;
  readonly state: Observed["state"];
  /** The answer of a running server that may be asked. */
  readonly live?: LiveAnswer;
  /** How it keeps pgsite out. */
  readonly locked?: LockedOut;
  /** What it runs with beside its files. */
  readonly runs: Readonly<Record<string, RunsWith>>;
  /** The program that it runs as, where that is not the declared one. */
  readonly program?: string;
  /** Of pg_hba.conf. */
  readonly access?: FileStatus;
  /** It has not read pg_hba.conf since that was touched. */
  readonly unread: boolean;
}

/** One observation a look: whoever asks the same again gets the same. @throws HostUnreachable */
export function observeServer(look: Look, asked: Asked, signal: AbortSignal): Promise<ServerObservation> {
  const { version, names, binDirectory, access } = asked;
  const what = keyText([version, [...names].sort(), binDirectory, access === undefined ? null : keyOf(access)]);
  return look.once(`observation ${what}`, () => observe(look, asked, signal));
}

async function observe(look: Look, asked: Asked, signal: AbortSignal): Promise<ServerObservation> {
  const [version, counted, access, { process, program, live, locked }] = await Promise.all([
    look.version(),
    look.files(asked.names),
    look.stat("pg_hba.conf"),
    observeProcess(look, asked, signal),
  ]);
  const runs = isLive(live) ? await countedRuns(await runningBeside(live, counted.files), counted, live.version) : {};
  return {
    version: majorOf(version ?? "") ?? asked.version,
    counted,
    process,
    state: serviceState(process, live, locked),
    runs,
    unread: isUnread(live, access),
    ...defined({ live, locked, program, access }),
  };
}

/** Asked at the same time as its files are read. */
async function observeProcess(look: Look, { binDirectory, access }: Asked, signal: AbortSignal) {
  const process = await look.process();
  if (process.kind !== "running") return { process };
  const [program, live] = await Promise.all([
    binDirectory === undefined ? undefined : look.otherProgram(binDirectory),
    access === undefined ? undefined : look.live(access, signal),
  ]);
  if (access === undefined || (isLive(live) && isAsDeclared(live))) return { process, program, live };
  const { findLock, takesWrites } = await import("../unlock/find.js");
  const visitor = { ...access, takesWrites: () => takesWrites(look.host, look.directories.dataDirectory) };
  return { process, program, live, locked: await findLock(visitor, process, live, signal) };
}

/** A server as its rollout sees it. @param login of the administrator @throws HostUnreachable */
export async function observeForRollout(
  look: Look,
  server: RolloutServer,
  login: Omit<LiveAccess, "address">,
  signal: AbortSignal,
): Promise<Observed> {
  const names = [...Object.keys(server.files), ...server.absent];
  const { version, binDirectory } = server;
  const asked = { version, names, binDirectory, access: { ...login, address: server } };
  const [seen, control, pending, certificate] = await Promise.all([
    observeServer(look, asked, signal),
    look.control(),
    readPending(look.host, server.controlDirectory),
    look.process().then(({ kind }) => (kind === "running" ? presented(server, signal, look.shared) : undefined)),
  ]);
  const { counted, process, access } = seen;
  const running = process.kind === "running";
  const facts = configurationFacts(counted.files, version);
  const owed = running && pending !== undefined ? owedOf(pending, process.pid) : undefined;
  const recovery = await isInRecovery(look.host, server, control, running, Object.keys(counted.files));
  const resting = running ? undefined : control;
  const runs = owed?.settings === undefined && Object.keys(seen.runs).length > 0 ? seen.runs : undefined;
  return {
    ...facts,
    data: control === undefined ? "absent" : "present",
    state: seen.state,
    version: seen.version,
    recovery,
    settings: owed?.settings ?? facts.settings,
    ...(resting === undefined || !recovery ? {} : await leftOver(look.host, server, resting)),
    ...defined({
      recorded: resting === undefined || !recovery ? undefined : recordedFloors(version, resting),
      shutDown: resting !== undefined && wasShutDown(resting) ? (true as const) : undefined,
      program: seen.program,
      certificate,
      unread: running && (seen.unread || isRewritten(server, counted, access)) ? (true as const) : undefined,
      pending: owed?.action,
      runs,
      startOnly: isLive(seen.live) ? startOnlyIn(seen.live) : undefined,
    }),
  };
}

/** A setting of an extension is known to the server alone, once it has loaded the library. */
function startOnlyIn({ settings }: Live): readonly string[] | undefined {
  const found = [...settings].flatMap(([name, { context }]) =>
    name.includes(".") && context === "postmaster" ? [name] : [],
  );
  return found.length === 0 ? undefined : found.sort();
}

/** The fingerprint of the certificate that a server shows, where that is compared; undefined where it shows none. */
async function presented({ certificate, ...server }: RolloutServer, signal: AbortSignal, reading: boolean) {
  if (certificate === undefined) return undefined;
  const { presentedBy } = await import("../sql/certificate.js");
  return (await ifTold(() => presentedBy(server, signal, reading)))?.fingerprint256;
}

/** Its owner and mode are put right by writing it anew. */
function isRewritten(server: RolloutServer, counted: CountedFiles, access: FileStatus | undefined): boolean {
  if (access === undefined) return false;
  const found = permissionsOf(access);
  const declared = declaredPermissions(server, "pg_hba.conf", counted.files["pg_hba.conf"]);
  return found !== declared && found !== counted.permissions["pg_hba.conf"];
}

/** A warm standby refuses, and a server that keeps pgsite out does: both are there. One that says nothing at all is not. */
function serviceState(
  { kind }: ProcessState,
  live: LiveAnswer | undefined,
  locked: LockedOut | undefined,
): Observed["state"] {
  if (kind !== "running") return "stopped";
  return live === undefined || isLive(live) || live.kind !== "timeout" || locked !== undefined ? "running" : "silent";
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
  return defined({ trigger, stale: wasPrimary && !copied ? (true as const) : undefined });
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
