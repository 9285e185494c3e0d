import { error, type Problem } from "./problem.js";
import { atLeast, type Major } from "./versions.js";

/** What has a name in SQL that a stack file may choose. */
export type NameKind = "role" | "database" | "schema";

/** NAMEDATALEN - 1: servers cut longer names off, and then know them by another name than the one declared. */
const most = 63;

/** Words that CREATE ROLE refuses in quotes too (check_rolespec_name). Others, such as "current_user", are names there. */
const reservedRoles: ReadonlySet<string> = new Set(["public", "none"]);

/**
 * What is wrong with the name of a role, database or schema, as SQL takes it in double quotes (PostgreSQL: "Identifiers and Key
 * Words"): 1 to 63 bytes of UTF-8, no NUL. Line breaks are refused too: SQL would take them, pg_hba.conf and passfiles cannot
 * hold them. Letter case is kept, and no other character is special.
 */
export function checkSqlName(kind: NameKind, name: string, major: Major, path: string): Problem[] {
  const refuse = (message: string) => [error(path, message)];
  if (name === "") return refuse(`is empty; the name of a ${kind} has 1 to ${most} bytes`);
  if (/[\r\n\0]/.test(name)) return refuse(`${JSON.stringify(name)} has a line break or NUL in it`);
  const bytes = Buffer.byteLength(name);
  if (bytes > most) return refuse(`"${name}" has ${bytes} bytes; the name of a ${kind} has ${most} at most`);
  if (kind === "database") return [];
  if (kind === "schema") {
    const own = name.startsWith("pg_") || name === "information_schema";
    return own ? refuse(`"${name}" is a schema of PostgreSQL's own; choose another`) : [];
  }
  if (reservedRoles.has(name)) {
    return refuse(`"${name}" is a word of SQL, which no role can be named; choose another`);
  }
  return name.startsWith("pg_") && atLeast(major, "9.6")
    ? refuse(`"${name}": names that begin with pg_ are PostgreSQL's own from 9.6 on; choose another`)
    : [];
}

/** Whether a replication slot can have a name: 1 to 63 lower-case letters, digits and _ (ReplicationSlotValidateName). */
export function isSlotName(name: string): boolean {
  return /^[a-z0-9_]{1,63}$/.test(name);
}
