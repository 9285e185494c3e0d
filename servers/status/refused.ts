import { nearest } from "../../postgres/problem.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import type { Row, Session } from "../sql/session.js";
import { literal } from "../sql/sql.js";

/** What a server's own reading of its files finds. */
export interface Reading {
  /** Of its settings (9.5 and later), with those of libraries that may be unknown to it. */
  readonly settings: readonly Row[];
  /** Of its rules (10 and later); of pg_hba.conf as a whole, why it cannot be read. */
  readonly rules: readonly Row[];
}

/** What pg_settings says of a setting, as far as it tells a refused value. */
interface Known {
  readonly pending: boolean;
}

/** Of a value that waits for a restart the view says the same as of one that will not do. */
const notApplied = "setting could not be applied";

/**
 * A row without a file is of one that cannot be opened, or of a setting that was taken out and waits for a restart; only the
 * first names the file. Its errors are no messages: they are the same in every language.
 */
const wrongSettings = `select sourcefile as file, sourceline::text as line, name, error from pg_file_settings
   where (error is not null or name like '%.%')
     and (sourcefile is not null or position(current_setting('config_file') in error) > 0)`;

/** A rule that has columns was taken, whatever is remarked of it. */
function wrongRules(version: Major): string {
  const file = atLeast(version, "16") ? "file_name" : "'pg_hba.conf'";
  return `select ${file} as file, line_number::text as line, null::text as name, error from pg_hba_file_rules
     where error is not null and type is null`;
}

/** Asked before pg_settings in the same session: reading the files marks there what waits for a restart. */
export async function readFilesOf(session: Session, version: Major): Promise<Reading> {
  if (!atLeast(version, "9.5")) return { settings: [], rules: [] };
  if (!atLeast(version, "10")) return { settings: await session.query(wrongSettings), rules: [] };
  try {
    const rows = await session.query(
      `select *, false as rule from (${wrongSettings}) s union all select *, true from (${wrongRules(version)}) r`,
    );
    return { settings: rows.filter(({ rule }) => rule === "f"), rules: rows.filter(({ rule }) => rule === "t") };
  } catch (error) {
    // The view fails as a whole where pg_hba.conf is not there, or the server may not read it.
    if (!isFromServer(error)) throw error;
    const rules = [{ file: "pg_hba.conf", line: null, name: null, error: error.message }];
    return { settings: await session.query(wrongSettings), rules };
  }
}

/** Lines that the server does not take, and why: `pg_hba.conf line 7: …`, `postgresql.conf: …`. */
export async function refusedLines(
  session: Session,
  { settings: rows, rules }: Reading,
  settings: ReadonlyMap<string, Known>,
): Promise<readonly string[]> {
  const known = new Map([...settings].map(([name, one]) => [name.toLowerCase(), { name, ...one }]));
  const libraries = new Set([...known.keys()].flatMap((name) => prefixOf(name) ?? []));
  const wrong = rows.flatMap((row): readonly Row[] => {
    const name = row.name ?? "";
    const one = known.get(name.toLowerCase());
    const isOfLibrary = libraries.has(prefixOf(name.toLowerCase()) ?? "");
    if (one === undefined && isOfLibrary) return [{ ...row, error: unknownName(name, [...settings.keys()]) }];
    if (row.error == null || (row.error === notApplied && one?.pending === true)) return [];
    return [row];
  });
  const values = wrong.flatMap(({ name, error }) => (error === notApplied && name != null ? [name] : []));
  const allowed = values.length === 0 ? new Map<string, string>() : await allowedFor(session, values);
  return [
    ...wrong.map((row) => {
      const name = row.name ?? "";
      if (row.error !== notApplied) return asLine(row);
      return asLine({ ...row, error: `${name} has a value that will not do${allowed.get(name.toLowerCase()) ?? ""}` });
    }),
    ...rules.map(asLine),
  ].sort();
}

function prefixOf(name: string): string | undefined {
  return name.includes(".") ? name.slice(0, name.indexOf(".")) : undefined;
}

/** A library that is loaded has settings, and this is none: from 15 on the server refuses it, before it keeps it and does nothing. */
function unknownName(name: string, all: readonly string[]): string {
  const library = prefixOf(name);
  const near = nearest(
    name,
    all.filter((one) => prefixOf(one) === library),
  );
  return `${name} is no setting of ${library}, which is loaded${near === undefined ? "" : ` (did you mean ${near}?)`}`;
}

async function allowedFor(session: Session, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const list = names.map((name) => literal(name.toLowerCase())).join(", ");
  const rows = await session.query(
    `select lower(name) as name, vartype, unit, min_val, max_val, array_to_string(enumvals, ', ') as words
       from pg_settings where lower(name) in (${list})`,
  );
  return new Map(rows.map((row) => [row.name ?? "", allowedWords(row)]));
}

function allowedWords({ vartype, unit, min_val, max_val, words }: Row): string {
  if (vartype === "enum") return `; allowed: ${words}`;
  if (vartype === "bool") return "; allowed: on, off";
  if (min_val == null || max_val == null) return "";
  return `; allowed: ${min_val} to ${max_val}${unit == null ? "" : ` (${unit})`}`;
}

/** `pg_hba.conf line 7: …`, or of a whole file `postgresql.conf: …`. */
export function asLine({ file, line, error }: Row): string {
  const name = file?.split("/").at(-1) ?? "postgresql.conf";
  return `${name}${line == null ? "" : ` line ${line}`}: ${error}`;
}

/** An error with a SQLSTATE: the session goes on. */
function isFromServer(error: unknown): error is Error {
  return error instanceof Error && "code" in error && /^[0-9A-Z]{5}$/.test(`${error.code}`);
}
