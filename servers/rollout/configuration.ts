import type { HostSpec } from "../../hosts/host.js";
import { permissionsOf } from "../../hosts/permissions.js";
import { defined } from "../../postgres/defined.js";
import type { ConfigurationState } from "../../postgres/files/differences.js";
import { maskedFile, withoutPieces } from "../../postgres/secrets/index.js";
import type { Superseded } from "../../postgres/serverProblems.js";
import type { Major } from "../../postgres/versions.js";
import { type CountedFiles, countedPermissions } from "../data/countedFiles.js";
import {
  declaredPermissions,
  type Files,
  shownHash,
  stage,
  stagedDirectory,
  writeServerFile,
} from "../data/staging.js";
import { declaredProgram } from "../process/program.js";
import type { Address } from "../sql/session.js";
import { isLive } from "../status/live.js";
import { hostOf, type Look, newLooks } from "../status/look.js";
import { observeServer } from "./observe.js";

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
  { supersededBy: _before, ...known }: ServerConfigurationState,
  signal: AbortSignal,
): Promise<ServerConfigurationState> {
  // What was found beside the declared files the last time is no longer looked for once it is gone.
  const names = [...new Set([...Object.keys(known.files), ...known.absent])];
  const version = known.version as Major;
  const asked = { version, names, ...defined({ binDirectory: known.binDirectory, access: accessOf(known) }) };
  const [seen, folder, found] = await Promise.all([
    observeServer(look, asked, signal),
    look.stat("global"),
    permissions(look, names),
  ]);
  const { files } = seen.counted;
  const shown = {
    ...known,
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
      supersededBy: process.kind === "running" ? undefined : await whyRefused(look),
    }),
  };
}

/**
 * Stages what is declared, for the rollout, which alone knows the order. Where no server has been started on the data
 * directory the files are written at once.
 * @param fresh whether the data directory is another one than before
 */
export async function bringConfiguration(state: ServerConfigurationState, fresh: boolean): Promise<void> {
  const look = await newLooks()(state);
  const { host } = look;
  if ((await host.stat(state.dataDirectory)) === undefined) {
    throw new Error(
      `${state.dataDirectory} on ${state.host.name}, the data directory of ${state.server}, does not exist`,
    );
  }
  const names = Object.keys(state.files);
  const [counted, found, running] = await Promise.all([
    look.files([...names, ...state.absent]),
    permissions(look, names),
    fresh ? look.process().then(({ kind }) => kind === "running") : true,
  ]);
  const direct = fresh && !running;
  const there = countedPermissions(found, counted, (name) => declaredPermissions(state, name, state.files[name]));
  for (const [name, content] of Object.entries(state.files)) {
    const differs = counted.files[name] !== content;
    // The same bytes with the right owner and mode change nothing for a running server.
    if (differs ? direct : there[name] !== state.permissions[name]) {
      await writeServerFile(host, state, name, content);
    }
  }
  await stage(host, state.controlDirectory, direct ? {} : state.files);
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

/** What a server does not take of its files, without what it quotes of a secret. */
function quotingNone(lines: readonly string[], files: Files): readonly string[] {
  if (lines.length === 0) return lines;
  const secrets = Object.entries(files).flatMap(([name, text]) => maskedFile(name, text).secrets);
  return lines.map((line) => withoutPieces(line, secrets));
}

async function whyRefused({ host, directories }: Look): Promise<Superseded | undefined> {
  const { refusedBefore } = await import("../process/process.js");
  return refusedBefore(host, directories);
}
