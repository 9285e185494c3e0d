import { join } from "node:path";
import type { Directories } from "../../config/controlDirectory.js";
import type { FileStatus, Host, HostSpec } from "../../hosts/host.js";
import { keyText } from "../../hosts/key.js";
import { defined } from "../../postgres/defined.js";
import { configurationFolder, fileOf } from "../../postgres/files/places.js";
import type { Major } from "../../postgres/versions.js";
import { readControlFile } from "../data/controlFile.js";
import { type CountedFiles, countFiles, readStandIns } from "../data/countedFiles.js";
import type { DataDirectoryState } from "../data/dataDirectory.js";
import { type Files, readFile } from "../data/staging.js";
import type { ProcessState } from "../process/process.js";
import { otherProgram } from "../process/program.js";
import type { Branch } from "../wal/timelines.js";
import { askLive, keyOf, type LiveAccess, type LiveAnswer } from "./live.js";
import { onceARefresh } from "./refresh.js";

/** Where a server has its data. */
export interface Located extends Directories {
  readonly host: HostSpec;
}

/** How whoever shows a part of a server gets the look at it. @throws HostUnreachable */
export type LookAt = (place: Located) => Promise<Look>;

/**
 * The host that a description names. Loaded when it is first needed: the engine starts the provider twice a preview, and
 * the second time only checks and compares.
 * @throws HostUnreachable
 */
export async function hostOf(spec: HostSpec): Promise<Host> {
  const hosts = await import("../../hosts/index.js");
  return hosts.hostOf(spec);
}

/** Content of a file, which several resources of one refresh may show. @throws HostUnreachable */
export function textOfRefresh(spec: HostSpec, path: string): Promise<string | undefined> {
  return onceARefresh(`file ${keyText([spec, path])}`, async () => {
    const content = await (await hostOf(spec)).readFile(path);
    return content?.toString("utf8");
  });
}

/**
 * One look at a server. Every fact of it is read when somebody first asks for it, and once: all who show a part of the
 * server show the same.
 */
export class Look {
  readonly #facts = new Map<string, Promise<unknown>>();

  constructor(
    readonly host: Host,
    readonly directories: Directories,
    private readonly spec: HostSpec,
    /** Of one refresh: its SQL may go through a session that others use too. */
    readonly shared: boolean,
  ) {}

  data(): Promise<DataDirectoryState> {
    return this.once("data", async () => {
      const { inspectDataDirectory } = await import("../data/dataDirectory.js");
      return inspectDataDirectory(this.host, this.directories, this);
    });
  }

  /** Content of PG_VERSION; undefined where there is none. */
  version(): Promise<string | undefined> {
    return this.once("version", async () => {
      const content = await this.host.readFile(join(this.directories.dataDirectory, "PG_VERSION"));
      return content?.toString("utf8").trim();
    });
  }

  control(): Promise<Buffer | undefined> {
    return this.once("control", () => readControlFile(this.host, this.directories.dataDirectory));
  }

  process(): Promise<ProcessState> {
    return this.once("process", async () => {
      const { processState } = await import("../process/process.js");
      const { dataDirectory } = this.directories;
      const { pidFileOfRefresh } = await import("../data/pidFile.js");
      const pidFile = this.shared ? pidFileOfRefresh(this.host, this.spec, dataDirectory) : undefined;
      return processState(this.host, dataDirectory, pidFile);
    });
  }

  /** The program that it runs as, where that is not the declared one. */
  otherProgram(binDirectory: string): Promise<string | undefined> {
    return this.once(`program ${binDirectory}`, async () =>
      otherProgram(this.host, await this.process(), binDirectory),
    );
  }

  /** Configuration files as they count, of those named. */
  async files(names: readonly string[]): Promise<CountedFiles> {
    const [texts, standIns] = await Promise.all([
      this.texts(names),
      this.once("stand-ins", () => readStandIns(this.host, this.directories)),
    ]);
    return countFiles(texts, standIns, names);
  }

  /** The same files as they are. */
  async texts(names: readonly string[]): Promise<Files> {
    const texts = [...new Set(names)].sort().map(async (name) => [name, await this.#text(name)] as const);
    const there = (await Promise.all(texts)).filter((entry): entry is [string, string] => entry[1] !== undefined);
    return Object.fromEntries(there);
  }

  /** Names of the files of settings in a folder beside postgresql.conf, as include_dir reads them. */
  included(folder: string): Promise<readonly string[]> {
    return this.once(`included ${folder}`, async () => {
      const { includedNames } = await import("../data/includedNames.js");
      return (await includedNames(this.host, join(configurationFolder(this.directories), folder))) ?? [];
    });
  }

  #text(name: string): Promise<string | undefined> {
    return this.once(`text ${name}`, () => readFile(this.host, fileOf(this.directories, name), name));
  }

  /** Of a file of the server. */
  stat(name: string): Promise<FileStatus | undefined> {
    return this.once(`stat ${name}`, () => this.host.stat(fileOf(this.directories, name)));
  }

  /** What the running server says of itself, or why it says nothing. */
  live(access: LiveAccess, signal: AbortSignal): Promise<LiveAnswer> {
    return this.once(`live ${keyOf(access)}`, () => askLive(access, signal, this.shared));
  }

  /** Undefined where there is no whole control file. */
  branch(version: Major): Promise<Branch | undefined> {
    return this.once(`branch ${version}`, async () => {
      const control = await this.control();
      if (control === undefined) return undefined;
      const { branchOf } = await import("../wal/timelines.js");
      return branchOf(this.host, this.directories.dataDirectory, version, control);
    });
  }

  /** The same as it takes writes, or would if it took over now. */
  branchAsPrimary(version: Major): Promise<Branch | undefined> {
    return this.once(`branch as primary ${version}`, async () => {
      const [branch, control] = await Promise.all([this.branch(version), this.control()]);
      if (branch === undefined || control === undefined) return undefined;
      const { asReceived } = await import("../wal/timelines.js");
      return asReceived(this.host, this.directories.dataDirectory, version, control, branch);
    });
  }

  /** What is asked by this name, once. */
  once<T>(name: string, ask: () => Promise<T>): Promise<T> {
    const known = this.#facts.get(name) ?? ask();
    this.#facts.set(name, known);
    return known as Promise<T>;
  }
}

/** The look that all reads of one refresh share (`refresh.ts` says for how long). */
export const lookOfRefresh: LookAt = (place) => onceARefresh(`look at ${placeKey(place)}`, () => lookAt(place, true));

/** Looks of one's own, beginning now: each server is looked at once for whoever holds them. For acts, and for whoever waits. */
export function newLooks(): LookAt {
  const looks = new Map<string, Promise<Look>>();
  return (place) => {
    const key = placeKey(place);
    const look = looks.get(key) ?? lookAt(place, false);
    looks.set(key, look);
    return look;
  };
}

async function lookAt({ host, ...place }: Located, shared: boolean): Promise<Look> {
  const { dataDirectory, controlDirectory, configurationDirectory } = place;
  const directories = { dataDirectory, controlDirectory, ...defined({ configurationDirectory }) };
  return new Look(await hostOf(host), directories, host, shared);
}

function placeKey({ host, dataDirectory, controlDirectory, configurationDirectory = dataDirectory }: Located): string {
  return keyText([host, dataDirectory, controlDirectory, configurationDirectory]);
}
