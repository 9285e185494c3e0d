/** The password file of libpq (PostgreSQL: "The Password File"). */
import { atLeast, type Major } from "../versions.js";

export interface PassfileLine {
  /** As the connection names it: an address does not match a host name that leads to it. `*` is any, in all four. */
  readonly host: string;
  readonly port: number | "*";
  /** `replication` or `*` for a standby's connection. */
  readonly database: string;
  readonly user: string;
  readonly password: string;
}

/** Renders a password file. @throws for a field with a line break or NUL, without quoting it */
export function renderPassfile(lines: readonly PassfileLine[]): string {
  return lines
    .map(({ host, port, database, user, password }) =>
      [
        // A line that begins with # is a comment.
        field("host", host).replace(/^#/, "\\#"),
        `${port}`,
        field("database", database),
        field("user", user),
        field("password", password),
      ].join(":"),
    )
    .map((line) => `${line}\n`)
    .join("");
}

/** Whether a version's libpq takes a password from such a file: until 9.1 it takes a backslash for one of the password's own. */
export function isReadBy(version: Major, password: string): boolean {
  return atLeast(version, "9.2") || !/[\\:]/.test(password);
}

function field(name: string, value: string): string {
  if (/[\r\n\0]/.test(value)) throw new Error(`the ${name} of a password file's line has a line break or NUL in it`);
  return value.replace(/[\\:]/g, "\\$&");
}

/**
 * A password file with which connections can be made that are declared, and those that were before: the lines of `declared`,
 * then those of `there` that are for other connections.
 */
export function withLinesOf(there: string, declared: string): string {
  const connectionOf = ({ host, port, database, user }: PassfileLine) => JSON.stringify([host, port, database, user]);
  const known = new Set(parsePassfile(declared).map(connectionOf));
  return declared + renderPassfile(parsePassfile(there).filter((line) => !known.has(connectionOf(line))));
}

/** The same file with another password for whoever connects as that user. */
export function withPassword(text: string, user: string, password: string): string {
  const lines = parsePassfile(text);
  if (!lines.some((line) => line.user === user && line.password !== password)) return text;
  return renderPassfile(lines.map((line) => (line.user === user ? { ...line, password } : line)));
}

/**
 * Reads a password file; comments, empty lines, lines without five fields and lines whose port no connection has are passed
 * over, as libpq does. What follows a fifth colon is not read.
 */
export function parsePassfile(text: string): PassfileLine[] {
  return text.split(/\r*\n/).flatMap((line) => {
    if (line.startsWith("#")) return [];
    const fields = /^((?:[^\\:]|\\.)*):(\*|\d+):((?:[^\\:]|\\.)*):((?:[^\\:]|\\.)*):((?:[^\\:]|\\.|\\$)*)/s.exec(line);
    if (fields === null) return [];
    const [host = "", port = "", database = "", user = "", password = ""] = fields
      .slice(1)
      .map((one) => one.replace(/\\(.)/gs, "$1"));
    return [{ host, port: port === "*" ? port : Number(port), database, user, password }];
  });
}
