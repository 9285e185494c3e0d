/**
 * Which lines of a server's log are its own. Any client can have the server write what it likes: names, statements, RAISE.
 * So a line counts as evidence only where its beginning, which no client can write, says which process wrote it.
 */
import { splitIdentifiers } from "./settings/lists.js";
import { atLeast, type Major } from "./versions.js";

/** How a message begins in the log, up to its severity, by format: POSIX extended regular expressions for the C locale. */
export interface Voice {
  readonly stderr?: string;
  readonly csv?: string;
  readonly json?: string;
}

export interface Voices {
  /** Of the walreceiver; where the log does not name processes, of any that is no session's and no worker's. */
  readonly walreceiver: Voice;
  /** Of these, and of the startup process and the postmaster. Of a server in recovery alone. */
  readonly server: Voice;
}

/**
 * What pgsite sets where a stack says nothing: the kind of process; before 13, the virtual transaction and the client's
 * address, of which workers have the first, sessions the second, and the server's own processes neither.
 */
export function tellingPrefix(version: Major): string {
  return atLeast(version, namesProcesses) ? "%m [%p] %b " : "%m [%p] %v %r ";
}

const namesProcesses: Major = "13";

/** The log_line_prefix in force: PostgreSQL's own default where none is declared (not by its catalogue, which a refresh need not load). */
export function prefixOf(version: Major, settings: Readonly<Record<string, string>>): string {
  return settings.log_line_prefix ?? (atLeast(version, "10") ? "%m [%p] " : "");
}

const number = "[0-9]+";
const time = "[0-9]+-[0-9]+-[0-9]+ [0-9:.]+ [^ /]+";
/** What a placeholder of log_line_prefix stands for where the server itself has written it (elog.c, log_line_prefix). */
const placeholders: Readonly<Record<string, string>> = {
  m: time,
  t: time,
  s: time,
  n: "[0-9.]+",
  p: number,
  l: number,
  x: number,
  c: "[0-9a-f]+\\.[0-9a-f]+",
  e: "[0-9A-Z]+",
  Q: "-?[0-9]+",
  "%": "%",
};
/** What stands there in a process without a client. */
const ofSessions: Readonly<Record<string, string>> = { a: "", i: "", P: "", L: "(\\[[a-z]+\\])?" };
/** A client's choice, and with line breaks in it: what is behind one is made to look like anything. */
const unbounded = "ud";

type Who = keyof Voices;
const processes: Readonly<Record<Who, string>> = {
  walreceiver: "walreceiver",
  server: "(walreceiver|startup|postmaster)",
};
/** In hot standby the startup process is the first that gets virtual transactions, and keeps its number (sinvaladt.c). */
const transactions: Readonly<Record<Who, string>> = { walreceiver: "", server: "(1/[0-9]+)?" };

/**
 * Undefined where no format of the log tells the server's own lines from those that clients can write.
 * @param settings as declared
 */
export function voicesOf(version: Major, settings: Readonly<Record<string, string>>): Voices | undefined {
  const destinations = splitIdentifiers(settings.log_destination ?? "stderr") ?? [];
  const collects = /^(on|true|yes|1)$/i.test(settings.logging_collector ?? "off");
  // Without a collector, what is meant for its other formats goes there too.
  const toStderr =
    destinations.includes("stderr") || (!collects && destinations.some((name) => /^(csv|json)log$/.test(name)));
  const prefix = prefixOf(version, settings);
  const voice = (who: Who): Voice => {
    const stderr = toStderr ? stderrHead(version, prefix, who) : undefined;
    return {
      ...(stderr === undefined ? {} : { stderr }),
      ...(collects && destinations.includes("csvlog") ? { csv: csvHead(who) } : {}),
      ...(collects && destinations.includes("jsonlog") ? { json: jsonHead(who) } : {}),
    };
  };
  const walreceiver = voice("walreceiver");
  return Object.keys(walreceiver).length === 0 ? undefined : { walreceiver, server: voice("server") };
}

/** Undefined where a client could write such a beginning, or nothing in it tells who wrote it. */
function stderrHead(version: Major, prefix: string, who: Who): string | undefined {
  const parts = [...prefix.matchAll(/%(-?[0-9]*)(.)|[^%]/gsu)];
  if (parts.some(([, , name]) => name !== undefined && unbounded.includes(name))) return undefined;
  let head = "^";
  const excluded = new Set<string>();
  const proven = () => excluded.has("sessions") && excluded.has("workers");
  for (const [text, padding, name] of parts) {
    if (name === undefined) {
      head += literal(text);
      continue;
    }
    if (name === "q") break;
    // What a session has in it may be what its client chose: nothing to judge by, and no harm behind what is.
    if (ofSessions[name] !== undefined && !proven()) return undefined;
    const known = own(version, name, who) ?? { text: placeholders[name] ?? ofSessions[name] };
    if (known.text === undefined) return undefined;
    for (const them of known.excludes ?? []) excluded.add(them);
    head += padding === "" ? known.text : ` *${known.text} *`;
  }
  return proven() ? head : undefined;
}

interface Placeholder {
  readonly text: string | undefined;
  /** Whom it tells from the server's own processes. */
  readonly excludes?: readonly ("sessions" | "workers")[];
}

/** What stands in a placeholder where the process is one of these. */
function own(version: Major, name: string, who: Who): Placeholder | undefined {
  if (name === "b" && atLeast(version, namesProcesses))
    return { text: processes[who], excludes: ["sessions", "workers"] };
  if (name === "v") return { text: transactions[who], excludes: ["workers"] };
  if (name === "r" || name === "h") return { text: "", excludes: ["sessions"] };
  return undefined;
}

/** A client's quotes are doubled: it cannot begin a field. No user, database and address; no virtual transaction. */
function csvHead(who: Who): string {
  return `^${time},,,${number},,[0-9a-f]+\\.[0-9a-f]+,${number},,[^,"]*,${transactions[who]},${number},`;
}

function jsonHead(who: Who): string {
  const vxid = who === "server" ? '("vxid":"1/[0-9]+",)?' : "";
  return `^\\{"timestamp":"[^"]*","pid":${number},"session_id":"[^"]*","line_num":${number},"session_start":"[^"]*",${vxid}"txid":${number},`;
}

function literal(text: string): string {
  return /[\\^$.[\]|()*+?{}]/.test(text) ? `\\${text}` : text;
}
