import { lineHead } from "./overrides.js";

/** One message of a dry start, with what belongs to it. */
export interface Message {
  readonly level: string;
  readonly sqlState: string;
  readonly text: string;
  /** Where in which file, and what the program advises. */
  readonly more: readonly string[];
}

const headed = /^(DEBUG\d?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC):\s+([0-9A-Z]{5}): (.*)$/;
const about = /^(DETAIL|HINT|CONTEXT|STATEMENT|LOCATION|QUERY):\s+(.*)$/;

/** What a dry start said; lines that have no form are of before there is one, or a library's own. */
export function messagesIn(log: string): { readonly messages: readonly Message[]; readonly others: readonly string[] } {
  const messages: { level: string; sqlState: string; text: string; more: string[] }[] = [];
  const others: string[] = [];
  for (const line of log.split("\n")) {
    const text = line.startsWith(lineHead) ? line.slice(lineHead.length) : line;
    const [, level, sqlState, said] = headed.exec(text) ?? [];
    const [, kind, more] = about.exec(text) ?? [];
    const last = messages.at(-1);
    if (level !== undefined && sqlState !== undefined) messages.push({ level, sqlState, text: said ?? "", more: [] });
    else if (kind !== undefined) {
      if (kind === "CONTEXT" || kind === "DETAIL" || kind === "HINT") last?.more.push(more ?? "");
    } else if (line.trim() !== "" && !line.startsWith("\t")) others.push(line.trim());
  }
  return { messages, others };
}

/** The size of the shared memory that it asked for, in bytes, where it came that far. */
export function sharedMemoryIn(log: string): number | undefined {
  const [, size] = /invoking IpcMemoryCreate\(size=(\d+)\)/.exec(log) ?? [];
  return size === undefined ? undefined : Number(size);
}

/** Why the program refused, by a log of one that did: errors of its files, its fatal line, or what it said before it had a log. */
export function refusalIn(log: string): readonly string[] {
  const { messages, others } = messagesIn(log);
  const worse = messages.filter(
    ({ level, sqlState }) => /^(FATAL|PANIC|ERROR)$/.test(level) || (level === "LOG" && sqlState !== "00000"),
  );
  const own = others.filter((line) => /^(postgres|postmaster): |FATAL|PANIC/.test(line));
  const said = [...worse.map(asLine), ...own];
  return said.length > 0 ? [...new Set(said)] : others.slice(-3);
}

/** Invalid value, unknown name, invalid name: what a server says of extensions' settings as a warning, and does not take. */
const notTaken = new Set(["22023", "42704", "42602"]);

/** Settings of extensions that the program did not take, by what was declared. */
export function ignoredIn(log: string, declared: Readonly<Record<string, string>>): readonly string[] {
  const names = Object.keys(declared)
    .filter((name) => name.includes("."))
    .map((name) => name.toLowerCase());
  return messagesIn(log)
    .messages.filter(({ level, sqlState, text }) => {
      const [, name] = /"([^"]+)"/.exec(text) ?? [];
      return level === "WARNING" && notTaken.has(sqlState) && names.includes(name?.toLowerCase() ?? "");
    })
    .map(asLine);
}

function asLine({ level, text, more }: Message): string {
  return [`${level}: ${text}`, ...more].join("; ");
}
