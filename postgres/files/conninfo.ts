import { atLeast, type Major } from "../versions.js";

/**
 * Connection strings as libpq reads them (PostgreSQL: "Connection Strings", keyword/value form), for primary_conninfo.
 */

/** Parameters by name; `undefined` ones are left out. */
export type Conninfo = Readonly<Record<string, string | undefined>>;

/** target_session_attrs by which libpq takes, of several hosts, the one that takes writes; first the newest version. */
const takingWrites = [
  // Whatever its sessions begin with.
  { from: "14", value: "primary" },
  { from: "10", value: "read-write" },
] as const satisfies readonly { from: Major; value: string }[];

/** Undefined before 10, whose libpq knows one host alone. */
export function takesWrites(version: Major): string | undefined {
  return takingWrites.find(({ from }) => atLeast(version, from))?.value;
}

/** The order in which administrators write them; others follow by name. */
const order = ["host", "hostaddr", "port", "dbname", "user", "passfile", "application_name", "sslmode"];

/**
 * Renders parameters as one line.
 * @throws for a value with a line break or NUL (it could stand in no configuration file), and for a name that is none
 */
export function renderConninfo(parameters: Conninfo): string {
  return Object.entries(parameters)
    .flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]))
    .sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1))
    .map(([name, value]) => `${checkedName(name)}=${quoted(name, value)}`)
    .join(" ");
}

function rank(name: string): number {
  const index = order.indexOf(name);
  return index < 0 ? order.length : index;
}

function checkedName(name: string): string {
  if (!/^[a-z_]+$/.test(name)) throw new Error(`"${name}" is not the name of a connection parameter`);
  return name;
}

function quoted(name: string, value: string): string {
  if (/[\r\n\0]/.test(value)) throw new Error(`the connection parameter ${name} has a line break or NUL in it`);
  if (/^[^\s'\\]+$/.test(value)) return value;
  return `'${value.replace(/['\\]/g, "\\$&")}'`;
}

/** One parameter as a text has it. */
export interface ConninfoPart {
  readonly name: string;
  readonly value: string;
  /** Where its value stands, with its quotes. */
  readonly start: number;
  readonly end: number;
}

/**
 * Reads a connection string in keyword/value form, as conninfo_parse of libpq does: blanks around `=`, values in single
 * quotes, a backslash before any character. Undefined where libpq would refuse it.
 */
export function conninfoParts(text: string): readonly ConninfoPart[] | undefined {
  const found: ConninfoPart[] = [];
  // isspace of C: other white space is part of a value. After a closing quote none is needed.
  const parameter =
    /[ \t-\r]*([a-z_]+)[ \t-\r]*=[ \t-\r]*(?:'((?:[^'\\]|\\[\s\S])*)'|(?!')((?:[^ \t-\r\\]|\\[\s\S])*)(\\$)?)/y;
  const blank = /[ \t-\r]*$/y;
  for (let end = 0; ; end = parameter.lastIndex) {
    blank.lastIndex = end;
    if (blank.test(text)) return found;
    parameter.lastIndex = end;
    const match = parameter.exec(text);
    if (match === null || text.includes("\0")) return undefined;
    const [, name = "", quoted, bare = "", broken = ""] = match;
    const length = quoted === undefined ? bare.length + broken.length : quoted.length + 2;
    const value = (quoted ?? bare).replace(/\\([\s\S])/g, "$1");
    found.push({ name, value, start: parameter.lastIndex - length, end: parameter.lastIndex });
  }
}

/** Parameters by name; the last one of a name wins. Undefined where libpq would refuse the text. */
export function parseConninfo(text: string): Record<string, string> | undefined {
  const parts = conninfoParts(text);
  return parts === undefined ? undefined : Object.fromEntries(parts.map(({ name, value }) => [name, value]));
}
