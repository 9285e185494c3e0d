import { join } from "node:path";
import type { Host, HostSpec } from "../../hosts/host.js";
import { hostOf } from "../host.js";
import { messageOf, type ResourceType } from "../resource.js";
import { type Files, hashOfAll, readFiles, stage, stagedDirectory } from "../staging.js";
import { octal } from "./hostFile.js";

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
}

export interface ServerConfigurationState extends ServerConfigurationArgs {
  /** Mode and owner of each file: "0600 postgres". */
  readonly permissions: Readonly<Record<string, string>>;
  /** One short hash of all files. */
  readonly hash: string;
}

/** Files that make a server a standby by being there. */
const roleFiles = new Set(["recovery.conf", "recovery.signal", "standby.signal"]);

/**
 * The files of a server. Where no server has been started on them they are written at once. Later they are staged:
 * the rollout, which alone knows the order, installs them. A file that must not be there shows in the difference as one
 * more file, with its content.
 */
export const serverConfiguration: ResourceType<ServerConfigurationArgs, ServerConfigurationState> = {
  token: "pgsite:index:ServerConfiguration",

  id: (state) => `${state.site}/${state.server}`,

  async check(_context, args) {
    const permissions = Object.fromEntries(Object.keys(args.files).map((name) => [name, `0600 ${args.host.user}`]));
    return { state: { ...args, hash: hashOfAll(args.files), permissions } };
  },

  async create(_context, state) {
    await apply(state, true);
    return state;
  },

  async read(_context, _id, known) {
    if (known === undefined) throw new Error("a server's configuration cannot be imported by its id");
    const host = await hostOf(known.host);
    const names = [...Object.keys(known.files), ...known.absent].sort();
    const files = await readFiles(host, known.dataDirectory, names);
    const permissions = await readPermissions(host, known, Object.keys(files));
    // Which of the files that make a role are there is read, not known: what was staged last may be another role's.
    const absent = names.filter((name) => roleFiles.has(name) && files[name] === undefined);
    return { ...known, files, absent, hash: hashOfAll(files), permissions };
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

async function readPermissions(host: Host, state: ServerConfigurationArgs, names: readonly string[]) {
  const found = await Promise.all(
    names.map(async (name) => [name, await host.stat(join(state.dataDirectory, name))] as const),
  );
  return Object.fromEntries(
    found.flatMap(([name, status]) => (status === undefined ? [] : [[name, `${octal(status.mode)} ${status.owner}`]])),
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
  const [real, permissions, running] = await Promise.all([
    readFiles(host, state.dataDirectory, [...names, ...state.absent]),
    readPermissions(host, state, names),
    fresh ? isRunning(host, state.dataDirectory) : true,
  ]);
  const direct = fresh && !running;
  for (const [name, content] of Object.entries(state.files)) {
    const differs = real[name] !== content;
    // The same bytes with the right owner and mode change nothing for a running server.
    if (differs ? direct : permissions[name] !== state.permissions[name]) {
      await host.writeFile(join(state.dataDirectory, name), content);
    }
  }
  await stage(host, state.controlDirectory, direct ? {} : state.files);
}

async function isRunning(host: Host, dataDirectory: string): Promise<boolean> {
  const { processState } = await import("../../servers/process.js");
  return (await processState(host, dataDirectory)).kind === "running";
}
