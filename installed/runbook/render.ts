import { controlPath } from "../../config/controlDirectory.js";
import { quote } from "../../hosts/quote.js";
import { defined } from "../../postgres/defined.js";
import type { Superseded } from "../../postgres/serverProblems.js";
import { type Major, numberOf } from "../../postgres/versions.js";
import type { Voice, Voices } from "../../postgres/voice.js";

/** What the scripts on a server know. The same in every role, so that a change of role changes none of it. */
export interface RunbookFacts {
  readonly site: string;
  readonly server: string;
  readonly version: Major;
  /** The OS user that runs the server. */
  readonly user: string;
  readonly dataDirectory: string;
  /** Where its configuration is. @default in the data directory */
  readonly configurationDirectory?: string;
  readonly controlDirectory: string;
  /** Folder of the server programs. */
  readonly binDirectory: string;
  readonly port: number;
  readonly passfile: string;
  /** As whom its OS user comes in by a socket. @default "postgres" */
  readonly superuser?: string;
  /** Name of what starts it with its machine. @default nothing does */
  readonly service?: string;
  /** The distribution's unit, which starts it in place of that: what the server says then may go to the journal. */
  readonly unit?: string;
  /** The first of the folders in which it puts its sockets. @default it has none */
  readonly socketFolder?: string;
  /** Where a distribution's start writes what the server says. @default start.log */
  readonly log?: string;
  /** Where logging_collector writes. @default start.log has all of its log */
  readonly logFolder?: string;
  /** Its log_line_prefix, for a message. */
  readonly prefix: string;
  /** How its own processes' messages begin in its log. @default its log does not tell them from what clients can write */
  readonly voices?: Voices;
  /** Present where the database exists once: the addresses at which it listens, as /proc/net/tcp writes them. */
  readonly alone?: { readonly listens: readonly string[] };
  /** All others that it may ever follow. */
  readonly peers: readonly RunbookPeer[];
  /** Until 11: recovery.conf as it is when the server is a standby, without primary_conninfo. */
  readonly recovery?: string;
}

export interface RunbookPeer {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** The primary_conninfo with which the server follows it. */
  readonly conninfo: string;
  /** The same without what not every psql knows, which may be of another version: what libpq insists on, and passfile. */
  readonly asking: string;
  /** What psql is to insist on, from the version that knows it. */
  readonly insisted: readonly { readonly from: Major; readonly text: string }[];
  /** Whether its certificate is verified. */
  readonly verified: boolean;
  /** How it may ask for a proof. */
  readonly asks: readonly string[];
  /** Whether it refuses queries while it follows another (hot_standby). */
  readonly warm: boolean;
}

/** What an operator runs, and every start. */
export const programs = ["failover", "guard", "rejoin", "repoint"] as const;
/** What these read, beside what is rendered: what they share, what old servers have otherwise, the judge of a log, and its messages. */
export const shared = ["common.sh", "lives.sh", "older.sh", "stream.awk", "messages"] as const;

/** The same of a database that exists once: nobody follows it, and its guard asks its host. */
export const ofOneAlone = {
  programs: ["guard"],
  shared: ["alone.sh", "common.sh", "instance.sh", "lives.sh"],
} as const;

/** The guard's exit status where the server may not start. */
export const refusedToStart = 3;

/** What the guard says to programs in start.log of another server that took over: `pgsite: superseded NAME PLACE TIMELINE OWN`. */
export function supersededIn(line: string, controlDirectory: string): Superseded | undefined {
  const [, by, at, timeline, own] = /^pgsite: superseded (\S+) (\S+) (\d+) (\d+)$/.exec(line) ?? [];
  if (by === undefined || at === undefined) return undefined;
  return { by, at, timeline: Number(timeline), own: Number(own), rejoin: `${runbookFolder(controlDirectory)}/rejoin` };
}

export function runbookFolder(controlDirectory: string): string {
  return controlPath({ controlDirectory }, "runbook");
}

export function guardOf(controlDirectory: string): string {
  return `${runbookFolder(controlDirectory)}/guard`;
}

/** The files that differ from server to server, by name. */
export function renderRunbook(facts: RunbookFacts): Readonly<Record<string, string>> {
  const { server, site, peers, recovery } = facts;
  const heading = [`# Written by pgsite: server ${server} of the site ${site}. Change the stack file instead.`];
  const settings = {
    server,
    number: `${numberOf(facts.version)}`,
    user: facts.user,
    data: facts.dataDirectory,
    control: facts.controlDirectory,
    bin: facts.binDirectory,
    port: `${facts.port}`,
    passfile: facts.passfile,
    service: facts.unit ?? facts.service ?? "",
    sockets: facts.socketFolder ?? "",
    logs: facts.logFolder ?? "",
    prefix: facts.prefix,
    ...defined({
      configuration: facts.configurationDirectory,
      log: facts.log,
      unit: facts.unit,
      superuser: facts.superuser,
    }),
    ...(facts.alone === undefined ? {} : { standalone: "yes", listens: facts.alone.listens.join(" ") }),
    ...headsOf("walreceiver", facts.voices?.walreceiver),
    ...headsOf("server", facts.voices?.server),
  };
  return {
    settings: text([
      ...heading,
      // A line break, for words that have one.
      "nl='",
      "'",
      ...Object.entries(settings).map(([name, value]) => `${name}=${quote(value)}`),
    ]),
    peers: text([
      ...heading,
      "# NAME ADDRESS PORT, the primary_conninfo with which this server follows it, that without what not every psql knows,",
      "# what psql is to insist on (VERSION:PARAMETER, from which psql on), whether its certificate is verified, how it may ask,",
      "# whether it answers nobody while it is a standby.",
      ...peers.map((peer) => ["peer", ...wordsOf(peer).map(quote)].join(" ")),
    ]),
    ...(recovery === undefined ? {} : { "recovery.conf": recovery }),
  };
}

function wordsOf({ name, address, port, conninfo, asking, insisted, verified, asks, warm }: RunbookPeer) {
  const parameters = insisted.map(({ from, text: parameter }) => `${numberOf(from)}:${parameter}`).join(" ");
  const proof = [verified ? "verified" : "", asks.join(",")];
  return [name, address, `${port}`, conninfo, asking, parameters, ...proof, warm ? "warm" : ""];
}

function headsOf(who: string, { stderr = "", csv = "", json = "" }: Voice = {}): Readonly<Record<string, string>> {
  return { [`${who}_stderr`]: stderr, [`${who}_csv`]: csv, [`${who}_json`]: json };
}

function text(lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}
