import { atLeast, type Major } from "../versions.js";

/**
 * A setting that a server of some versions chooses itself at its start if no file has it. It then says that the value came from its
 * command line, as if somebody had given it, and a file that names the setting later counts from the next start on only.
 */
interface ChosenRow {
  /** In lower case. */
  readonly name: string;
  readonly from: Major;
  /** The last version that does so; later ones call what they chose a default. */
  readonly until: Major;
  /** What it always chooses; left out if that depends on the machine. */
  readonly value?: string;
}

const rows: readonly ChosenRow[] = [
  { name: "timezone", from: "9.0", until: "9.0" },
  { name: "log_timezone", from: "9.0", until: "9.0" },
  { name: "timezone_abbreviations", from: "9.0", until: "9.0", value: "Default" },
];

/** Where such a server says that the value came from. */
const saidSource = "command line";

function rowOf(version: Major, name: string): ChosenRow | undefined {
  const key = name.toLowerCase();
  return rows.find((row) => row.name === key && atLeast(version, row.from) && atLeast(row.until, version));
}

/** Names, in lower case, of the settings that a server of this version chooses at its start. */
export function chosenAtStart(version: Major): readonly string[] {
  return rows.filter(({ name }) => rowOf(version, name) !== undefined).map(({ name }) => name);
}

/** Whether a value that a server runs with is one that it chose itself; only of a setting that no file of it has. */
export function isChosen(version: Major, name: string, { value, source }: { value: string; source: string }): boolean {
  const row = rowOf(version, name);
  return row !== undefined && source === saidSource && (row.value ?? value) === value;
}

/** Whether a change between a file's value and the server's own choice takes a start, whatever the setting's context says. */
export function startsToChange(
  version: Major,
  name: string,
  is: string | undefined,
  shall: string | undefined,
): boolean {
  return (is === undefined || shall === undefined) && is !== shall && rowOf(version, name) !== undefined;
}
