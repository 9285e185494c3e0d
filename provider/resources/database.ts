import type { Difference } from "../../postgres/differences.js";
import { error, type Problem } from "../../postgres/problem.js";
import type { Context } from "../../servers/rollout/reporter.js";
import type { ResourceType } from "../protocol/resource.js";
import { say } from "../protocol/say.js";
import { onWritable, type SqlArgs, type WritableSession } from "./sql.js";
import { leaveObject, readObject } from "./sqlObject.js";

export interface DatabaseArgs extends SqlArgs {
  readonly name: string;
  /** A role. */
  readonly owner: string;
  /** Chosen when it is made, for good. @default the template's */
  readonly encoding?: string;
  /** Collation and character classes, chosen when it is made, for good. @default the template's */
  readonly locale?: string;
  /** @default template0 where encoding or locale are given, else template1 */
  readonly template?: string;
  /** @default -1, no limit */
  readonly connectionLimit?: number;
}

export interface DatabaseState extends DatabaseArgs {
  readonly connectionLimit: number;
}

/** A database of a site: made and altered on whichever server takes writes, adopted where it exists, never dropped. */
export const database: ResourceType<DatabaseArgs, DatabaseState> = {
  token: "pgsite:index:Database",
  secrets: ["administratorPassword"],
  packed: ["endpoints"],
  ways: ["endpoints"],

  id: (state) => `${state.site}/database:${state.name}`,

  async check(context, args, actual) {
    if (actual !== undefined) await say(context, databaseDifferences(actual, args));
    return {
      state: { ...args, connectionLimit: args.connectionLimit ?? -1 },
      problems: actual === undefined ? [] : immutable(args, actual),
    };
  },

  create: (context, state) => apply(context, state, undefined),

  read: (context, _id, known) => readObject(context, "database", known, observe),

  update: (context, wanted, actual) => apply(context, wanted, actual),

  delete: (context, state) => leaveObject(context, "database", state),
};

/** Those that can be undone; a database with another encoding is refused as a problem. */
function databaseDifferences(is: DatabaseState, shall: DatabaseArgs): readonly Difference[] {
  const limit = shall.connectionLimit ?? -1;
  const make = (part: string, there: string, declared: string): Difference => {
    return { object: { kind: "database", name: shall.name, part }, there, declared, consequence: "SQL" };
  };
  return [
    ...(is.owner === shall.owner ? [] : [make("owner", is.owner, shall.owner)]),
    ...(is.connectionLimit === limit ? [] : [make("CONNECTION LIMIT", `${is.connectionLimit}`, `${limit}`)]),
  ];
}

function immutable(args: DatabaseArgs, actual: DatabaseArgs): readonly Problem[] {
  return (["encoding", "locale"] as const).flatMap((property) => {
    const [wanted, found] = [args[property], actual[property]];
    if (wanted === undefined || found === undefined || wanted === found) return [];
    return [
      error(
        property,
        `the database ${args.name} has ${found}, which cannot be changed: declare that instead of ${wanted}, or dump it and restore it into another database`,
      ),
    ];
  });
}

async function observe(session: WritableSession, known: DatabaseState): Promise<DatabaseState | undefined> {
  const [found] = await session.query(
    `select r.rolname as owner, pg_encoding_to_char(d.encoding) as encoding, d.datcollate, d.datctype, d.datconnlimit
       from pg_database d join pg_roles r on r.oid = d.datdba where d.datname = $1`,
    [known.name],
  );
  if (found === undefined) return undefined;
  const locale = found.datcollate === found.datctype ? found.datcollate : `${found.datcollate} (${found.datctype})`;
  return {
    ...known,
    owner: found.owner ?? "",
    connectionLimit: Number(found.datconnlimit),
    ...(known.encoding === undefined ? {} : { encoding: asDeclared(found.encoding ?? "", known.encoding) }),
    ...(known.locale === undefined ? {} : { locale: locale ?? "" }),
  };
}

/** PostgreSQL takes `utf-8` for `UTF8`. */
function asDeclared(found: string, declared: string): string {
  const plain = (name: string) => name.replaceAll(/[^A-Za-z0-9]/g, "").toLowerCase();
  return plain(found) === plain(declared) ? declared : found;
}

async function apply(
  context: Context,
  wanted: DatabaseState,
  before: DatabaseState | undefined,
): Promise<DatabaseState> {
  const { identifier, literal } = await import("../../servers/sql/sql.js");
  return onWritable(
    context,
    wanted,
    async (session) => {
      const found = await observe(session, wanted);
      const name = identifier(wanted.name);
      if (found === undefined) {
        const chosen = wanted.encoding !== undefined || wanted.locale !== undefined;
        const template = wanted.template ?? (chosen ? "template0" : undefined);
        const options = [
          `OWNER ${identifier(wanted.owner)}`,
          ...(template === undefined ? [] : [`TEMPLATE ${identifier(template)}`]),
          ...(wanted.encoding === undefined ? [] : [`ENCODING ${literal(wanted.encoding)}`]),
          ...(wanted.locale === undefined
            ? []
            : [`LC_COLLATE ${literal(wanted.locale)} LC_CTYPE ${literal(wanted.locale)}`]),
          `CONNECTION LIMIT ${Math.trunc(wanted.connectionLimit)}`,
        ];
        await session.query(`CREATE DATABASE ${name} ${options.join(" ")}`);
        return wanted;
      }
      const [problem] = immutable(wanted, found);
      if (problem !== undefined) throw new Error(`${problem.path}: ${problem.message}`);
      if (found.owner !== wanted.owner)
        await session.query(`ALTER DATABASE ${name} OWNER TO ${identifier(wanted.owner)}`);
      if (found.connectionLimit !== wanted.connectionLimit) {
        await session.query(`ALTER DATABASE ${name} CONNECTION LIMIT ${Math.trunc(wanted.connectionLimit)}`);
      }
      return wanted;
    },
    { before },
  );
}
