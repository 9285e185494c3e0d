import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkout } from "../../toolchain/paths.mjs";

/** A message's severity, or the label of what belongs to one, as a line of the log has it behind its prefix: two spaces follow it. */
const labelled = /(?<![\p{L}\p{N}_?])([\p{L}?][\p{L}\p{M}\p{N}?']*) ?: {2}/u;

interface Known {
  /** Severities and labels of what ends nothing. */
  readonly quiet: ReadonlySet<string>;
  /** What a server answers that starts, stops, or is a warm standby. */
  readonly passing: readonly string[];
}

let known: Known | undefined;

/** Of every language that the runbook judges by: its table. */
function table(): Known {
  if (known !== undefined) return known;
  const rows = readFileSync(join(checkout, "installed", "runbook", "messages"), "utf8")
    .split("\n")
    .map((line) => line.split("\t"));
  const of = (kind: string) => rows.flatMap(([one, , text = ""]) => (one === kind ? [text] : []));
  known = {
    quiet: new Set(of("quiet").flatMap((word) => [word, folded(word)])),
    passing: of("passing").flatMap((text) => [text, folded(text)]),
  };
  return known;
}

/** As a process writes it whose locale has no such letters; as it is where too little would be left. */
function folded(text: string): string {
  const plain = text.replace(/[^ -~]+/g, "?").replace(/\?+/g, "?");
  return plain.replace(/[? ]/g, "").length < 2 ? text : plain;
}

/** Where a message begins in a line of the log, in characters; negative where none does. */
export function messageAt(line: string): number {
  const found = labelled.exec(line);
  return found === null ? -1 : found.index;
}

/** Whether a line says that something failed: an error or worse, in whatever language. */
export function isGrave(line: string): boolean {
  const word = labelled.exec(line)?.[1]?.replace(/\d$/, "");
  return word !== undefined && !table().quiet.has(word) && !table().quiet.has(folded(word));
}

/** Whether it is a server's answer to somebody who came while it took nobody in. */
export function takesNobodyIn(line: string): boolean {
  const plain = folded(line);
  return table().passing.some((text) => line.includes(text) || plain.includes(text));
}
