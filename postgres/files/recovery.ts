import { error, type Problem } from "../problem.js";
import { quotedLine } from "../secrets/text.js";
import { atLeast, type Major } from "../versions.js";
import {
  type ConfigurationLine,
  type ParsedConfiguration,
  parseConfiguration,
  renderConfiguration,
} from "./postgresqlConf.js";

/**
 * The files that make a server a standby (PostgreSQL 9.0 to 11: "Recovery Configuration"; 12 and later: "Standby Server
 * Settings" and the signal files).
 */

export interface RecoveryInputs {
  /** Whether the server is to be a standby. */
  readonly standby: boolean;
  /** Parameters by name, as `resolveSettings` gives them; from 12 on they are settings, and none may be given here. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly header?: readonly string[];
}

/**
 * What is to stand in the data directory, by file name: text, or null where the file must not exist.
 * Until 11 that is recovery.conf, and no recovery.done; from 12 standby.signal, and no recovery.conf, with which the server would not start.
 * @throws for a value with a line break at 9.0, or NUL: the file cannot hold it
 */
export function renderRecovery(major: Major, inputs: RecoveryInputs): Record<string, string | null> {
  const { standby, parameters, header = [] } = inputs;
  if (atLeast(major, "12")) {
    return { "recovery.conf": null, "recovery.signal": null, "standby.signal": standby ? "" : null };
  }
  // What a promotion leaves of recovery.conf: at the next one nobody would know which was last.
  const left = { "recovery.done": null };
  if (!standby) return { "recovery.conf": null, ...left };
  const values = { ...parameters, standby_mode: "on" };
  return {
    "recovery.conf":
      major === "9.0"
        ? renderConfiguration({}, { header }) + renderOld(values)
        : renderConfiguration(values, { header }),
    ...left,
  };
}

/** 9.0 reads recovery.conf with a parser of its own (xlog.c): quotes are doubled there too, a backslash is itself. */
function renderOld(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => {
      if (/[\n\0]/.test(value))
        throw new Error(`${name} has a line break or NUL in it, which 9.0's recovery.conf cannot hold`);
      return `${name} = '${value.replaceAll("'", "''")}'\n`;
    })
    .join("");
}

/** Reads recovery.conf as a server of this version does (9.0 to 11). Nothing is thrown: what it would refuse is a problem. */
export function parseRecoveryConf(major: Major, text: string): ParsedConfiguration {
  return major === "9.0" ? parseOld(text) : parseConfiguration(text);
}

/** parseRecoveryCommandFileLine of 9.0's xlog.c: whatever stands between a name and the first quote is passed over. */
function parseOld(text: string): ParsedConfiguration {
  const lines: ConfigurationLine[] = [];
  const problems: Problem[] = [];
  for (const [index, raw] of text.split("\n").entries()) {
    if (/^[ \t-\r]*(?:#|$)/.test(raw)) continue;
    const match = /^[ \t-\r]*([^ \t-\r=']*)[^']*'((?:[^']|'')*)'[ \t-\r]*(?:#.*)?$/s.exec(raw);
    if (match === null) {
      problems.push(error(`line ${index + 1}`, `"${quotedLine(raw)}" is not a parameter; allowed: name = 'value'`));
    } else {
      lines.push({ name: match[1] as string, value: (match[2] as string).replaceAll("''", "'"), line: index + 1 });
    }
  }
  const values = Object.fromEntries(lines.map(({ name, value }) => [name, value]));
  return { values, lines, includes: [], problems };
}
