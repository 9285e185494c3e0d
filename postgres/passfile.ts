/** The password file of libpq (PostgreSQL: "The Password File"). */

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
        field("host", host),
        `${port}`,
        field("database", database),
        field("user", user),
        field("password", password),
      ].join(":"),
    )
    .map((line) => `${line}\n`)
    .join("");
}

function field(name: string, value: string): string {
  if (/[\r\n\0]/.test(value)) throw new Error(`the ${name} of a password file's line has a line break or NUL in it`);
  return value.replace(/[\\:]/g, "\\$&");
}

/** Reads a password file; comments, empty lines and lines without five fields are passed over, as libpq does. */
export function parsePassfile(text: string): PassfileLine[] {
  return text.split(/\r?\n/).flatMap((line) => {
    if (line === "" || line.startsWith("#")) return [];
    const fields = [...line.matchAll(/((?:[^\\:]|\\[\s\S])*)(?::|$)/g)]
      .map((match) => (match[1] as string).replace(/\\([\s\S])/g, "$1"))
      .slice(0, 5);
    const [host, port, database, user, password] = fields;
    if (host === undefined || port === undefined || database === undefined || user === undefined) return [];
    if (password === undefined) return [];
    return [{ host, port: port === "*" ? ("*" as const) : Number(port), database, user, password }];
  });
}
