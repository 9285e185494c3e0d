import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { type Host, type HostSpec, HostUnreachable, isOfHost, NotThatUser } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { type FoundService, findService } from "../../installed/service/find.js";
import { defined } from "../../postgres/defined.js";
import { type HbaEntry, parseHba } from "../../postgres/files/hba/index.js";
import { fileOf } from "../../postgres/files/places.js";
import { parseRecoveryConf } from "../../postgres/files/recovery.js";
import type { Problem } from "../../postgres/problem.js";
import { atLeast, type Major, majorOf } from "../../postgres/versions.js";
import { readSystemIdentifier } from "../../servers/data/dataDirectory.js";
import { includedNames } from "../../servers/data/includedNames.js";
import { processState } from "../../servers/process/process.js";
import { type FoundSetting, readSettings } from "./includes.js";

/** Where a hand-made server is. */
export interface Place {
  /** As the stack file shall call its host. */
  readonly host: string;
  readonly address: string;
  readonly transport: HostSpec["transport"];
  readonly dataDirectory: string;
}

/** A hand-made server, read from its host alone: a warm standby answers nothing else. */
export interface HandMade {
  readonly place: Place;
  /** The host with the OS user that owns the data. */
  readonly spec: HostSpec;
  /** Where postgresql.conf is, if not in the data directory. */
  readonly configurationDirectory?: string;
  readonly version: Major;
  readonly systemIdentifier: string;
  readonly port: number;
  /** Folder of the programs that it runs with. */
  readonly binDirectory: string;
  readonly inRecovery: boolean;
  /** What is in force by postgresql.conf, what it includes, postgresql.auto.conf and the command line, in lower case. */
  readonly settings: Readonly<Record<string, FoundSetting>>;
  /** Of recovery.conf, before 12. */
  readonly recovery: Readonly<Record<string, string>>;
  readonly access: readonly HbaEntry[];
  /** Every file that was read, in or outside of the data directory, by absolute path. */
  readonly files: Readonly<Record<string, FoundFile>>;
  /** Folders that include_dir names, by absolute path, with the names of the files that count. */
  readonly folders: Readonly<Record<string, readonly string[]>>;
  readonly tablespaces: number;
  /** pg_ident.conf has maps in it. */
  readonly hasMaps: boolean;
  /** What starts it with its machine. */
  readonly service?: FoundService;
  /** Lines that pgsite cannot read: `/srv/pg/pg_hba.conf line 7`. What they bring about would be lost. */
  readonly problems: readonly Problem[];
}

export interface FoundFile {
  readonly content: string;
  /** "0600 postgres" */
  readonly permissions: string;
}

/** The place holds no server that can be read. */
export class NotAServer extends Error {
  constructor({ host, dataDirectory }: Place, reason: string) {
    super(`${dataDirectory} on ${host}: ${reason}`);
    this.name = "NotAServer";
  }
}

/** Reads a running server without changing anything. @throws NotAServer @throws HostUnreachable */
export async function readHandMade(place: Place): Promise<HandMade> {
  const { dataDirectory } = place;
  const spec = await specOf(place);
  const host = hostOf(spec);
  const [version, state, identifier] = await Promise.all([
    host.readFile(join(dataDirectory, "PG_VERSION")),
    processState(host, dataDirectory),
    readSystemIdentifier(host, dataDirectory),
  ]);
  if (version === undefined || identifier === undefined) {
    throw new NotAServer(place, "it is no data directory of PostgreSQL (no PG_VERSION, or no global/pg_control)");
  }
  const major = majorOf(version.toString("utf8").trim());
  if (major === undefined)
    throw new NotAServer(place, `pgsite does not know version ${version.toString("utf8").trim()}`);
  if (state.kind !== "running")
    throw new NotAServer(place, "no server runs there: start it, so that all of it can be read");

  const files = new Files(host);
  const started = commandLine((await host.readFile(join(dataDirectory, "postmaster.opts")))?.toString("utf8") ?? "");
  const configuration = configurationOf(started, dataDirectory);
  const folders = { dataDirectory, configurationDirectory: configuration };
  const read = await readSettings(files, folders, major);
  const settings = Object.fromEntries([
    ...read.settings,
    ...started.settings.map(([name, value]) => [name.toLowerCase(), { value, from: "the command line" }] as const),
  ]);
  const { dataDirectory: _data, ...elsewhere } =
    configuration === dataDirectory ? { dataDirectory } : { dataDirectory, configurationDirectory: configuration };
  const [recovery, hba, ident, signal] = await Promise.all([
    atLeast(major, "12") ? undefined : files.read(join(dataDirectory, "recovery.conf")),
    files.read(fileOf(folders, "pg_hba.conf")),
    host.readFile(fileOf(folders, "pg_ident.conf")),
    atLeast(major, "12") ? files.read(join(dataDirectory, "standby.signal")) : undefined,
  ]);
  const parsedHba = parseHba(hba ?? "", { major });
  const parsedRecovery = parseRecoveryConf(major, recovery ?? "");
  const service = await findService(host, dataDirectory);
  const tablespaces = (await host.list(join(dataDirectory, "pg_tblspc"))) ?? [];
  return {
    place,
    spec,
    ...elsewhere,
    version: major,
    systemIdentifier: identifier,
    port: await portOf(host, dataDirectory, settings),
    binDirectory: await programsOf(host, state.pid, started.program, major),
    inRecovery: recovery !== undefined || signal !== undefined,
    settings,
    recovery: lowerCase(parsedRecovery.values),
    access: parsedHba.entries,
    files: files.found,
    folders: files.folders,
    tablespaces: tablespaces.length,
    ...(service === undefined ? {} : { service }),
    hasMaps: /^\s*[^#\s]/m.test(ident?.toString("utf8") ?? ""),
    problems: [
      ...read.problems,
      ...inFile(fileOf(folders, "pg_hba.conf"), parsedHba.problems),
      ...inFile(join(dataDirectory, "recovery.conf"), parsedRecovery.problems),
    ],
  };
}

/** The host as the user that the data belong to. */
async function specOf({ host: name, address, transport, dataDirectory }: Place): Promise<HostSpec> {
  const spec = { name, transport, address };
  const { host, status } = await lookAt(spec, dataDirectory);
  if (status?.type !== "directory")
    throw new Error(`${dataDirectory} on ${name} is no folder, or may not be looked into`);
  const named = /^\d+$/.test(status.owner) ? (await host.run(["id", "-nu", status.owner])).stdout.trim() : status.owner;
  return { ...spec, user: named === "" ? status.owner : named };
}

/**
 * As whoever logs in, else as those who may look where others may not: Red Hat's family keeps /var/lib/pgsql closed.
 * @throws what whoever logs in is told, where none of them may
 */
async function lookAt(spec: Omit<HostSpec, "user">, folder: string) {
  let refusal: unknown;
  for (const user of [spec.transport === "ssh" ? "" : userInfo().username, "postgres", "root"]) {
    const host = hostOf({ ...spec, user });
    try {
      return { host, status: await host.stat(folder) };
    } catch (error) {
      const mayNot = error instanceof NotThatUser || !(error instanceof HostUnreachable);
      if (!isOfHost(error) || !mayNot) throw error;
      refusal ??= error;
    }
  }
  throw refusal;
}

/** Files that were read, kept for the record. */
class Files {
  readonly found: Record<string, FoundFile> = {};
  readonly folders: Record<string, readonly string[]> = {};

  constructor(private readonly host: Host) {}

  async read(path: string): Promise<string | undefined> {
    const status = await this.host.stat(path);
    if (status?.type !== "file") return undefined;
    const content = await this.host.readFile(path);
    if (content === undefined) return undefined;
    const text = content.toString("utf8");
    const permissions = `${status.mode.toString(8).padStart(4, "0")} ${status.owner}`;
    this.found[path] = { content: text, permissions };
    return text;
  }

  /** What include_dir reads of a folder, in its order; undefined where there is no folder. */
  async list(path: string): Promise<readonly string[] | undefined> {
    const names = await includedNames(this.host, path);
    if (names !== undefined) this.folders[path] = names;
    return names;
  }
}

/** Debian gives the file, and who starts a server by the folder of its configuration gives that. */
function configurationOf({ settings, directory }: ReturnType<typeof commandLine>, dataDirectory: string): string {
  const file = settings.findLast(([name]) => name === "config_file")?.[1];
  if (file?.startsWith("/") === true) return dirname(file);
  return directory?.startsWith("/") === true ? directory.replace(/(?<=.)\/+$/, "") : dataDirectory;
}

/** What postmaster.opts says that the server was started with: the program, and the settings that its options stand for. */
export function commandLine(text: string): { program?: string; directory?: string; settings: [string, string][] } {
  const [line = ""] = text.split("\n");
  const words = [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
  const [program, ...rest] = words;
  const settings: [string, string][] = [];
  let directory: string | undefined;
  const letters: Readonly<Record<string, string>> = {
    p: "port",
    h: "listen_addresses",
    k: "unix_socket_directories",
    N: "max_connections",
    B: "shared_buffers",
  };
  for (let index = 0; index < rest.length; index++) {
    const word = rest[index] as string;
    const long = /^--([^=]+)=(.*)$/s.exec(word);
    const short = /^-([A-Za-z])(.*)$/s.exec(word);
    if (long !== null) settings.push([(long[1] as string).replaceAll("-", "_"), long[2] as string]);
    else if (short !== null) {
      const letter = short[1] as string;
      const takesValue = letter === "c" || letter === "D" || letters[letter] !== undefined;
      const value = short[2] !== "" || !takesValue ? (short[2] as string) : (rest[++index] ?? "");
      const name = letters[letter];
      if (letter === "D") directory = value;
      if (letter === "i") settings.push(["listen_addresses", "*"]);
      else if (letter === "F") settings.push(["fsync", "off"]);
      else if (name !== undefined) settings.push([name, value]);
      else if (letter === "c" && value.includes("=")) {
        settings.push([value.slice(0, value.indexOf("=")).replaceAll("-", "_"), value.slice(value.indexOf("=") + 1)]);
      }
    }
  }
  return { ...defined({ program, directory }), settings };
}

/** From 9.1 on postmaster.pid tells; before, the files. */
async function portOf(host: Host, dataDirectory: string, settings: HandMade["settings"]): Promise<number> {
  const text = (await host.readFile(join(dataDirectory, "postmaster.pid")))?.toString("utf8") ?? "";
  const told = Number(text.split("\n")[3]);
  return Number.isInteger(told) && told > 0 ? told : Number(settings.port?.value ?? 5432);
}

/** Where the running program lies; what it was started as may be a name on a PATH. */
async function programsOf(host: Host, pid: number, started: string | undefined, major: Major): Promise<string> {
  const { code, stdout } = await host.run(["readlink", "-f", `/proc/${pid}/exe`]);
  if (code === 0 && stdout.startsWith("/")) return dirname(stdout.trim());
  return started?.startsWith("/") === true ? dirname(started) : `/usr/lib/postgresql/${major}/bin`;
}

function inFile(file: string, problems: readonly Problem[]): readonly Problem[] {
  return problems.map((problem) => ({ ...problem, path: `${file} ${problem.path}` }));
}

function lowerCase(values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name.toLowerCase(), value]));
}
