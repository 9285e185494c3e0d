import { join } from "node:path";
import type { Host, HostSpec } from "../../hosts/host.js";
import { permissionsOf } from "../../hosts/permissions.js";
import type { ConfigurationState } from "../../postgres/files/differences.js";
import { maskedFile, secretsInFile, secretsInValue, withoutPieces } from "../../postgres/secrets/index.js";
import type { Major } from "../../postgres/versions.js";
import { countedPermissions, countedRuns, readServerFiles } from "../../servers/data/countedFiles.js";
import { type Files, hashOfAll, stage, stagedDirectory } from "../../servers/data/staging.js";
import type { ProcessState } from "../../servers/process/process.js";
import { declaredProgram, otherProgram } from "../../servers/process/program.js";
import { serviceState, versionOf } from "../../servers/rollout/observe.js";
import { type Context, messageOf } from "../../servers/rollout/reporter.js";
import type { Address } from "../../servers/sql/session.js";
import { isLive, isUnread, liveOf, runningBeside } from "../../servers/status/live.js";
import { hostForReading, hostOf } from "../../servers/status/sharedHost.js";
import type { ResourceType } from "../protocol/resource.js";
import { say } from "../protocol/say.js";
import { same } from "../protocol/wire.js";

export interface ServerConfigurationArgs {
  readonly site: string;
  readonly server: string;
  readonly host: HostSpec;
  readonly dataDirectory: string;
  readonly controlDirectory: string;
  readonly version: string;
  /** What the files in the data directory are to hold, by name. */
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

export interface ServerConfigurationState extends ServerConfigurationArgs, ConfigurationState {
  readonly version: string;
  readonly files: Files;
  /** One short hash of all files, without their secrets: these could be guessed from it. */
  readonly hash: string;
}

/** Files that make a server a standby by being there. */
const roleFiles = new Set(["recovery.conf", "recovery.done", "recovery.signal", "standby.signal"]);

/**
 * The configuration of a server: its files, and what it runs with beside them. Where no server has been started on them they are written at once. Later they are staged:
 * the rollout, which alone knows the order, installs them. A file that must not be there shows in the difference as one
 * more file, with its content.
 */
export const serverConfiguration: ResourceType<ServerConfigurationArgs, ServerConfigurationState> = {
  token: "pgsite:index:ServerConfiguration",
  secrets: ["administratorPassword"],
  packed: ["host", "endpoint"],
  secretsAt: ([property, name, ...rest], text) => {
    if (property === "files") return secretsInFile(`${name}`, text);
    return property === "runs" && rest[0] === "value" ? secretsInValue(`${name}`, text) : [];
  },

  id: (state) => `${state.site}/${state.server}`,

  async check(context, args, actual) {
    const permissions = Object.fromEntries(Object.keys(args.files).map((name) => [name, `0600 ${args.host.user}`]));
    const declared = {
      ...(args.binDirectory === undefined ? {} : { program: declaredProgram(args.binDirectory) }),
      state: "running",
      permissions,
      runs: {},
      refused: [],
      unread: false,
      hash: shownHash(args.files),
    } as const;
    const state = { ...args, ...declared };
    if (actual !== undefined && !same(actual, state)) {
      const { configurationDifferences } = await import("../../postgres/files/differences.js");
      await say(context, configurationDifferences(args.server, args.version as Major, actual, state));
    }
    return { state };
  },

  async create(_context, state) {
    await apply(state, true);
    return state;
  },

  async read(context, _id, known) {
    if (known === undefined) throw new Error("a server's configuration cannot be imported by its id");
    const host = await hostForReading(known.host);
    const declared = Object.keys(known.files);
    // What was found beside the declared files the last time is no longer looked for once it is gone.
    const names = [...new Set([...declared, ...known.absent])];
    const [version, counted, found, access, live] = await Promise.all([
      versionOf(host, known),
      readServerFiles(host, known, names),
      readPermissions(host, known, names),
      host.stat(join(known.dataDirectory, "pg_hba.conf")),
      readLive(host, known, context),
    ]);
    const { answer, state, program } = live;
    const { files } = counted;
    const permissions = countedPermissions(found, counted, `0600 ${known.host.user}`);
    const runs = isLive(answer) ? await countedRuns(await runningBeside(answer, files), counted, answer.version) : {};
    const running = isLive(answer)
      ? { version: answer.version, runs, refused: quotingNone(answer.refused, files) }
      : { version, runs: {}, refused: [] };
    const unread = isUnread(answer, access);
    // Which of the files that make a role are there is read, not known: what was staged last may be another role's.
    const absent = names.filter((name) => roleFiles.has(name) && files[name] === undefined).sort();
    const { supersededBy: _before, ...last } = known;
    return { ...last, ...running, files, absent, hash: shownHash(files), permissions, unread, state, ...program };
  },

  async update(_context, wanted, actual) {
    await apply(wanted, wanted.incarnation !== actual.incarnation);
    return wanted;
  },

  async delete(context, state) {
    const where = `${state.dataDirectory} on ${state.host.name}`;
    try {
      await (await hostOf(state.host)).remove(stagedDirectory(state.controlDirectory));
    } catch (error) {
      await context.log("warning", `${messageOf(error)}. What was staged for ${state.server} may still be there`);
    }
    await context.log("info", `left the configuration files of ${state.server} in ${where}`);
  },
};

/** What a server does not take of its files, without what it quotes of a secret. */
function quotingNone(lines: readonly string[], files: Files): readonly string[] {
  if (lines.length === 0) return lines;
  const secrets = Object.entries(files).flatMap(([name, text]) => maskedFile(name, text).secrets);
  return lines.map((line) => withoutPieces(line, secrets));
}

function shownHash(files: Files): string {
  return hashOfAll(
    Object.fromEntries(Object.entries(files).map(([name, text]) => [name, maskedFile(name, text).text])),
  );
}

/** Whether the server runs, and what it says of itself: asked at the same time as its files are read. */
async function readLive(host: Host, known: ServerConfigurationState, context: Context) {
  if ((await host.stat(join(known.dataDirectory, "global"))) === undefined) {
    return { state: "no data" as const, program: {} };
  }
  const process = await stateOf(host, known.dataDirectory);
  const running = process.kind === "running";
  const [program, answer, supersededBy] = await Promise.all([
    programOf(host, process, known),
    running ? askedLive(known, context) : undefined,
    running ? undefined : whyRefused(host, known),
  ]);
  const why = supersededBy === undefined ? {} : { supersededBy };
  return { program: { ...program, ...why }, answer, state: serviceState(running, answer) };
}

async function whyRefused(host: Host, { controlDirectory }: ServerConfigurationState) {
  const { refusedBefore } = await import("../../servers/process/process.js");
  return refusedBefore(host, { controlDirectory });
}

/** Undefined where nobody may ask. */
async function askedLive(known: ServerConfigurationState, context: Context) {
  const { endpoint, administrator, administratorPassword } = known;
  if (endpoint === undefined || administrator === undefined || administratorPassword === undefined) return undefined;
  return liveOf({ address: endpoint, administrator, administratorPassword }, context.signal);
}

async function programOf(host: Host, process: ProcessState, { binDirectory }: ServerConfigurationArgs) {
  if (binDirectory === undefined) return {};
  return { program: (await otherProgram(host, process, binDirectory)) ?? declaredProgram(binDirectory) };
}

async function readPermissions(host: Host, state: ServerConfigurationArgs, names: readonly string[]) {
  const found = await Promise.all(
    names.map(async (name) => [name, await host.stat(join(state.dataDirectory, name))] as const),
  );
  return Object.fromEntries(
    found.flatMap(([name, status]) => (status === undefined ? [] : [[name, permissionsOf(status)]])),
  );
}

async function apply(state: ServerConfigurationState, fresh: boolean): Promise<void> {
  const host = await hostOf(state.host);
  if ((await host.stat(state.dataDirectory)) === undefined) {
    throw new Error(
      `${state.dataDirectory} on ${state.host.name}, the data directory of ${state.server}, does not exist`,
    );
  }
  const names = Object.keys(state.files);
  const [counted, found, running] = await Promise.all([
    readServerFiles(host, state, [...names, ...state.absent]),
    readPermissions(host, state, names),
    fresh ? stateOf(host, state.dataDirectory).then(({ kind }) => kind === "running") : true,
  ]);
  const direct = fresh && !running;
  const real = counted.files;
  const permissions = countedPermissions(found, counted, `0600 ${state.host.user}`);
  for (const [name, content] of Object.entries(state.files)) {
    const differs = real[name] !== content;
    // The same bytes with the right owner and mode change nothing for a running server.
    if (differs ? direct : permissions[name] !== state.permissions[name]) {
      await host.writeFile(join(state.dataDirectory, name), content);
    }
  }
  await stage(host, state.controlDirectory, direct ? {} : state.files);
}

async function stateOf(host: Host, dataDirectory: string): Promise<ProcessState> {
  const { processState } = await import("../../servers/process/process.js");
  return processState(host, dataDirectory);
}
