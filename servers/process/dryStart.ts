import { join } from "node:path";
import type { KnownServer } from "../../config/site.js";
import { socketFolders } from "../../config/socketFolders.js";
import type { Host } from "../../hosts/host.js";
import { logFolderOf } from "../../postgres/files/logDirectory.js";
import { configurationFolder, isConfiguration } from "../../postgres/files/places.js";
import { Effective } from "../../postgres/settings/effective.js";
import { namesIn } from "../../postgres/start/listening.js";
import { buffersOf } from "../../postgres/start/memory.js";
import type { StartFacts } from "../../postgres/start/model.js";
import { overridesOf, recoveryFile } from "../../postgres/start/overrides.js";
import type { Files } from "../data/staging.js";
import { readFacts, type Untried } from "./dryStartFacts.js";
import { dryStartScript } from "./dryStartScript.js";

/** What a server is to start with. */
export interface ToTry {
  /** Its files as they are to be. */
  readonly files: Files;
  /** Names of files that are not to be there. */
  readonly absent: readonly string[];
  /** What the files say, and what is held beside them. */
  readonly settings: Readonly<Record<string, string>>;
  /** What is told to the program beside the files, over these. */
  readonly besides?: Readonly<Record<string, string>>;
  /** Only if the server runs as the declared program: nobody has approved another. */
  readonly approvedOnly: boolean;
  readonly signal: AbortSignal;
}

/** Files that make a role: none of them is of interest to whoever only checks. */
const roleFiles = new Set(["recovery.conf", "recovery.done", "recovery.signal", "standby.signal"]);

/** Where scratch copies are, below the scratch folder. */
const placeOf = (name: string) => `${isConfiguration(name) ? "conf" : "data"}/${name}`;

/**
 * Starts a server's own program on what it is to get, in a scratch folder, beside whatever runs: one command on the host. Says
 * what came of it; what it means is `judgeStart`'s. Undefined where the host gave no whole answer.
 */
export async function dryStart(
  host: Host,
  server: KnownServer,
  { files, absent, settings, besides = {}, approvedOnly, signal }: ToTry,
): Promise<StartFacts | { readonly untried: Untried } | undefined> {
  const { version, dataDirectory, controlDirectory, binDirectory } = server;
  const recovery = recoveryFile(version);
  const tried = Object.entries(files).filter(([name]) => !roleFiles.has(name));
  const input = [
    ...tried.map(([name, text]) => [placeOf(name), text] as const),
    [`data/${recovery.name}`, recovery.text],
  ]
    .map(([name, text]) => `${name}\n${Buffer.from(text ?? "", "utf8").toString("base64")}\n`)
    .join("");
  const effective = new Effective(version, settings);
  const log = effective.on("logging_collector") ? logFolderOf({ ...server, settings }) : "";
  const told = { ...besides, ...overridesOf(version, buffersOf(version, settings).tried) };
  const isUnit = server.unit !== undefined || server.service !== undefined;
  const argv = [
    ...["sh", "-c", dryStartScript, "sh"],
    ...[dataDirectory, configurationFolder(server), controlDirectory, join(binDirectory, "postgres")],
    ...[approvedOnly ? "yes" : "no", isUnit ? "yes" : "no", absent.join("\n"), socketFolders({ settings }).join("\n")],
    ...[`${server.port}`, log, namesIn(effective.text("listen_addresses")).join("\n")],
    ...Object.entries(told).map(([name, value]) => `${name}=${value}`),
  ];
  const { stdout } = await host.run(argv, { input, timeout: 60_000, signal });
  return readFacts(stdout);
}
