import { atLeast, type Major } from "../versions.js";

/**
 * A setting that a server of some versions chooses itself at its start if no file has it, and shows as if somebody had given it: from
 * 9.2 on initdb writes it into the file, or the server calls it a default.
 */
interface ChosenRow {
  /** In lower case. */
  readonly name: string;
  readonly from: Major;
  readonly until: Major;
  /** Where the server says that the value came from. */
  readonly source: "command line" | "environment variable";
  /** What it always chooses; left out if that depends on the machine. */
  readonly value?: string;
  /** Whether its choice goes before a file's value, so that one which is declared later counts from the next start on. */
  readonly stays: boolean;
}

const rows: readonly ChosenRow[] = [
  { name: "timezone", from: "9.0", until: "9.0", source: "command line", stays: true },
  { name: "timezone", from: "9.1", until: "9.1", source: "environment variable", stays: false },
  { name: "log_timezone", from: "9.0", until: "9.0", source: "command line", stays: true },
  { name: "log_timezone", from: "9.1", until: "9.1", source: "environment variable", stays: false },
  { name: "timezone_abbreviations", from: "9.0", until: "9.0", source: "command line", value: "Default", stays: true },
];

function rowsOf(version: Major): readonly ChosenRow[] {
  return rows.filter(({ from, until }) => atLeast(version, from) && atLeast(until, version));
}

function rowOf(version: Major, name: string): ChosenRow | undefined {
  return rowsOf(version).find((row) => row.name === name.toLowerCase());
}

/** What a server of this version chooses at its start: names in lower case, and where it says that the values came from. */
export function chosenAtStart(version: Major): readonly Pick<ChosenRow, "name" | "source">[] {
  return rowsOf(version);
}

/** Whether a value that a server runs with is one that it chose itself; only of a setting that no file of it has. */
export function isChosen(version: Major, name: string, { value, source }: { value: string; source: string }): boolean {
  const row = rowOf(version, name);
  return row !== undefined && source === row.source && (row.value ?? value) === value;
}

/** Whether a change between a file's value and the server's own choice takes a start, whatever the setting's context says. */
export function startsToChange(
  version: Major,
  name: string,
  is: string | undefined,
  shall: string | undefined,
): boolean {
  return (is === undefined || shall === undefined) && is !== shall && rowOf(version, name)?.stays === true;
}
