/**
 * One record of pg_hba.conf (PostgreSQL: "The pg_hba.conf File"), whatever the version.
 */
export interface HbaRule {
  readonly type: string;
  readonly databases: readonly HbaName[];
  readonly users: readonly HbaName[];
  /** Of every type but local: CIDR, address, host name, .suffix, `all`, `samehost` or `samenet`. */
  readonly address?: string;
  /** A mask in a column of its own, where the address has no prefix length. */
  readonly mask?: string;
  readonly method: string;
  /** In order: a name may come more than once. */
  readonly options: readonly HbaOption[];
}

/** A database or user. `literal` is one whose text would mean something else without quotes: a database named "all". */
export interface HbaName {
  readonly text: string;
  readonly literal: boolean;
}

export interface HbaOption {
  readonly name: string;
  readonly value: string;
}

/** Words that are more than names where they are not quoted. */
const keywords = new Set(["all", "sameuser", "samerole", "samegroup", "replication"]);

/** Words that are no host name where they are not quoted. */
export const addressKeywords: ReadonlySet<string> = new Set(["all", "samehost", "samenet"]);

/** Whether a name without quotes is read as more than a name: a keyword, `+role`, `@file`, `/regular expression`. */
export function hasMeaning(text: string): boolean {
  return keywords.has(text) || hasSigil(text);
}

/** Whether a name begins with the sign of a role's members, a file or a regular expression. */
export function hasSigil(text: string): boolean {
  return /^[+@/]/.test(text);
}

/** A plain name, quoted where it must be so that it is only a name. */
export function literalName(text: string): HbaName {
  return { text, literal: hasMeaning(text) };
}
