import { controlPath } from "../../config/controlDirectory.js";
import type { Server } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import type { RunbookFacts } from "../../installed/runbook/render.js";
import type { ApartFolder, MoveMark, MovePhase, MoveWay } from "../../postgres/move/model.js";
import { makeFolder } from "../data/places.js";

/** What is known of a move that has begun and is not committed: in the old place's control directory, from `copied` on in both. */
export interface MoveJournal {
  readonly format: 1;
  readonly site: string;
  readonly stack: string;
  /** With all that it takes to start it there again, its files among it. */
  readonly from: Server;
  readonly to: Server;
  readonly way: MoveWay;
  readonly phase: MovePhase;
  /** When it began, as it stands in the name of what is left. */
  readonly time: string;
  /** Of the old data. */
  readonly systemIdentifier: string;
  /** Of the new ones, where these were made by dump and restore. */
  readonly newIdentifier?: string;
  /** Folders of sockets that a dump's private servers have elsewhere than in their working folder. */
  readonly sockets?: { readonly from?: string; readonly to?: string };
  /** What the guard at the new place is made of. */
  readonly runbook?: RunbookFacts;
  /** Whether the new server still lacks what the planner goes by. */
  readonly statistics?: "due";
  /** Of a dump. */
  readonly jobs?: number;
  readonly apart: readonly ApartFolder[];
  /** What the catalogues had before it stopped, by what is counted. */
  readonly counts: Readonly<Record<string, string>>;
  /** When it was asked to stop, in milliseconds since 1970. */
  readonly stopped?: number;
  readonly downtime?: number;
  readonly mark?: MoveMark;
}

/** What the data at the new place are known by. */
export function identifierThere({ systemIdentifier, newIdentifier }: MoveJournal): string {
  return newIdentifier ?? systemIdentifier;
}

/** The journal beside a server's data, wherever the stack file says that these are; undefined where there is none. */
export async function readJournal(
  server: Pick<Server, "host" | "controlDirectory" | "name">,
): Promise<MoveJournal | undefined> {
  const host = hostOf(server.host);
  const path = controlPath(server, "move");
  const content = await host.readFile(path);
  if (content === undefined) return undefined;
  try {
    const read = JSON.parse(content.toString("utf8")) as MoveJournal;
    if (read.format === 1 && read.from.name === server.name) return read;
  } catch {
    // Said below.
  }
  throw new Error(
    `${path} on ${host.name} is not a move's journal that this pgsite understands: use the pgsite that wrote it`,
  );
}

/** Writes it in both places: first where it is looked for until the stack file has changed. */
export async function writeJournal(journal: MoveJournal): Promise<void> {
  const text = `${JSON.stringify(journal, undefined, 1)}\n`;
  for (const server of [journal.from, journal.to]) {
    const host = hostOf(server.host);
    await makeFolder(host, server, server.controlDirectory);
    await host.writeFile(controlPath(server, "move"), text);
  }
}

export async function removeJournal({ from, to }: MoveJournal): Promise<void> {
  for (const server of [to, from]) await removeOf(hostOf(server.host), server);
}

function removeOf(host: Host, server: Server): Promise<void> {
  return host.remove(controlPath(server, "move"));
}
