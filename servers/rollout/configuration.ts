import { controlPath } from "../../config/controlDirectory.js";
import type { LayoutName } from "../../config/layouts.js";
import type { KnownServer, ServiceDeclaration } from "../../config/site.js";
import type { Host, HostSpec } from "../../hosts/host.js";
import { permissionsOf } from "../../hosts/permissions.js";
import { defined } from "../../postgres/defined.js";
import type { ConfigurationState } from "../../postgres/files/differences.js";
import type { Mended } from "../../postgres/lockedOut.js";
import type { Superseded } from "../../postgres/serverProblems.js";
import type { Major } from "../../postgres/versions.js";
import { configurationFacts } from "../data/configurationFacts.js";
import { type CountedFiles, countedPermissions } from "../data/countedFiles.js";
import { byReading, droppedFiles } from "../data/dropped.js";
import {
  declaredPermissions,
  type Files,
  shownHash,
  stage,
  stagedDirectory,
  writeServerFile,
} from "../data/staging.js";
import { isUnproven, markUnproven } from "../data/unproven.js";
import { declaredProgram } from "../process/program.js";
import type { Address } from "../sql/session.js";
import { isLive } from "../status/live.js";
import { hostOf, type Look, newLooks } from "../status/look.js";
import { observeServer } from "./observe.js";
import { quotingNone } from "./taken.js";

/** A server's configuration as declared. */
export interface ConfigurationArgs {
  readonly site: string;
  readonly server: string;
  readonly host: HostSpec;
  readonly dataDirectory: string;
  /** @default its data directory */
  readonly configurationDirectory?: string;
  readonly controlDirectory: string;
  readonly version: string;
  /** What its files are to hold, by name. */
  readonly files: Files;
  /** Files that must not be in the data directory (`recovery.conf`, `standby.signal`). */
  readonly absent: readonly string[];
  /** That of the data directory: another one has never been started, so its files are written at once. */
  readonly incarnation: number;
  /** The folder of its programs. Without it nobody asks which one a running server is. */
  readonly binDirectory?: string;
  /** @default "plain" */
  readonly layout?: LayoutName;
  /** What starts it with its machine. @default nothing */
  readonly service?: ServiceDeclaration;
  /** Its distribution's own systemd unit, without `.service`. */
  readonly unit?: string;
  /** Where it listens, and as whom it is asked what it runs with. Without these its files alone are read. */
  readonly endpoint?: Address;
  readonly administrator?: string;
  readonly administratorPassword?: string;
}

export interface ServerConfigurationState extends ConfigurationArgs, ConfigurationState {
  readonly version: string;
  readonly files: Files;
  /** One short hash of all files, without their secrets: these could be guessed from it. */
  readonly hash: string;
}

/** Files that make a server a standby by being there. */
const roleFiles = new Set(["recovery.conf", "recovery.done", "recovery.signal", "standby.signal"]);

/** What is there of a declared configuration. @throws HostUnreachable */
export async function observeConfiguration(
  look: Look,
  { supersededBy: _before, lockedOut: _locked, __ignored: _ignored, ...known }: ServerConfigurationState,
  signal: AbortSignal,
): Promise<ServerConfigurationState> {
  // What was found beside the declared files the last time is no longer looked for once it is gone.
  const names = [...new Set([...Object.keys(known.files), ...known.absent])];
  const version = known.version as Major;
  const asked = { version, names, ...defined({ binDirectory: known.binDirectory, access: accessOf(known) }) };
  const [seen, folder, found, dropped] = await Promise.all([
    observeServer(look, asked, signal),
    look.stat("global"),
    permissions(look, names),
    droppedFiles(look, known),
  ]);
  const { files, ignored } = byReading(seen.counted.files, dropped);
  const shown = {
    ...known,
    ...(Object.keys(ignored).length === 0 ? {} : { __ignored: ignored }),
    version: seen.version,
    files,
    // Which of the files that make a role are there is read, not known: what was staged last may be another role's.
    absent: names.filter((name) => roleFiles.has(name) && files[name] === undefined).sort(),
    hash: shownHash(files),
    permissions: countedPermissions(found, seen.counted, (name) => declaredPermissions(known, name, known.files[name])),
    unread: false,
    runs: {},
    refused: [],
  };
  if (folder === undefined) return { ...shown, state: "no data" };
  const { live, process, state } = seen;
  return {
    ...shown,
    state,
    unread: seen.unread,
    ...(isLive(live) ? { version: live.version, runs: seen.runs, refused: quotingNone(live.refused, files) } : {}),
    ...defined({
      program: seen.program ?? (known.binDirectory === undefined ? undefined : declaredProgram(known.binDirectory)),
      lockedOut: seen.locked,
      supersededBy: process.kind === "running" ? undefined : await whyRefused(look),
    }),
  };
}

/**
 * Stages what is declared, for the rollout, which alone knows the order. Until a server on the data directory was proven to work
 * the files are written at once, and one that runs reads them; those that make its role wait all the same.
 * @param data `new`: seen for the first time; `again`: another directory than before; `kept`: the same
 */
export async function bringConfiguration(
  state: ServerConfigurationState,
  data: "new" | "again" | "kept",
): Promise<void> {
  const look = await newLooks()(state);
  const { host } = look;
  if ((await host.stat(state.dataDirectory)) === undefined) {
    throw new Error(
      `${state.dataDirectory} on ${state.host.name}, the data directory of ${state.server}, does not exist`,
    );
  }
  const names = Object.keys(state.files);
  const [counted, found, process, unproven] = await Promise.all([
    look.files([...names, ...state.absent]),
    permissions(look, names),
    look.process(),
    isUnproven(host, state),
  ]);
  const fresh = data !== "kept" && process.kind !== "running";
  if (fresh && data === "new") await markUnproven(host, state);
  const isDirect = (name: string) => fresh || (unproven && !roleFiles.has(name));
  const there = countedPermissions(found, counted, (name) => declaredPermissions(state, name, state.files[name]));
  for (const [name, content] of Object.entries(state.files)) {
    const differs = counted.files[name] !== content;
    // The same bytes with the right owner and mode change nothing for a running server.
    if (differs ? isDirect(name) : there[name] !== state.permissions[name]) {
      await writeServerFile(host, state, name, content);
    }
  }
  await stage(host, state.controlDirectory, fresh ? {} : state.files);
  if (unproven && process.kind === "running") await bringIntoForce(state, host, counted.files);
}

/** A server that nobody relies on yet reads its files again; where that is not enough it is stopped, and `NAME-start`, which comes next, starts it. */
async function bringIntoForce(state: ServerConfigurationState, host: Host, before: Files): Promise<void> {
  const { reloadServer } = await import("../process/process.js");
  const { stopServer } = await import("../process/stop.js");
  const { changeOf } = await import("../../postgres/rollout/changes.js");
  const version = state.version as Major;
  const is = configurationFacts(before, version);
  const shall = configurationFacts(state.files, version);
  const { action } = changeOf(
    version,
    { ...is, data: true, running: true, inRecovery: false },
    { ...shall, version, role: "primary", hotStandby: true },
  );
  const server = knownServer(state);
  if (server === undefined) return;
  if (action === "restart") await stopServer(host, server);
  else if (action !== "none") await reloadServer(host, server);
}

/**
 * Lets pgsite into a server that keeps it out, by what its host can do.
 * @throws where the host cannot, with what keeps it out
 */
export async function letIn(
  state: ServerConfigurationState,
  report: (mended: Mended) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const access = accessOf(state);
  const server = knownServer(state);
  if (access === undefined || server === undefined) return;
  const { unlock } = await import("../unlock/unlock.js");
  const login = { user: access.administrator, password: access.administratorPassword };
  await unlock({ host: await hostOf(state.host), server, files: state.files, login, signal, report });
}

/** As much of a server as it takes to stop and start it; undefined where nobody may ask it either. Only one that takes writes is acted on by it. */
function knownServer(state: ConfigurationArgs): KnownServer | undefined {
  const { endpoint, binDirectory, configurationDirectory, layout, service, unit } = state;
  if (endpoint === undefined || binDirectory === undefined) return undefined;
  const { address, port, proof } = endpoint;
  return {
    ...{ name: state.server, host: state.host, address, port, proof: { ...proof, asksReplicas: [] } },
    ...{ dataDirectory: state.dataDirectory, controlDirectory: state.controlDirectory, binDirectory },
    ...{ role: "primary", version: state.version as Major, hotStandby: true },
    settings: configurationFacts(state.files, state.version as Major).settings,
    passfile: controlPath(state, "passfile"),
    ...defined({ configurationDirectory, layout, service, unit }),
  };
}

/** Nothing is left that a rollout would take. */
export async function dropStaged({ host, controlDirectory }: ConfigurationArgs): Promise<void> {
  await (await hostOf(host)).remove(stagedDirectory(controlDirectory));
}

/** Undefined where nobody may ask. */
function accessOf({ endpoint, administrator, administratorPassword }: ConfigurationArgs) {
  if (endpoint === undefined || administrator === undefined || administratorPassword === undefined) return undefined;
  return { address: endpoint, administrator, administratorPassword };
}

async function permissions(look: Look, names: readonly string[]): Promise<CountedFiles["permissions"]> {
  const found = await Promise.all(names.map(async (name) => [name, await look.stat(name)] as const));
  return Object.fromEntries(
    found.flatMap(([name, status]) => (status === undefined ? [] : [[name, permissionsOf(status)]])),
  );
}

async function whyRefused({ host, directories }: Look): Promise<Superseded | undefined> {
  const { refusedBefore } = await import("../process/process.js");
  return refusedBefore(host, directories);
}
