import type { Difference } from "../../postgres/differences.js";
import type { Context } from "../../servers/rollout/reporter.js";
import type { ResourceType } from "../protocol/resource.js";
import { say } from "../protocol/say.js";
import { onWritable, type SqlArgs, type WritableSession } from "./sql.js";
import { leaveObject, readObject } from "./sqlObject.js";

export interface SchemaArgs extends SqlArgs {
  readonly name: string;
  /** In which it is. */
  readonly database: string;
  /** A role. */
  readonly owner: string;
}

/** A schema in a database of a site: made on whichever server takes writes, adopted where it exists, never dropped. */
export const schema: ResourceType<SchemaArgs, SchemaArgs> = {
  token: "pgsite:index:Schema",
  secrets: ["administratorPassword"],
  packed: ["endpoints"],
  ways: ["endpoints"],

  id: ({ site, database, name }) => `${site}/schema:${database}/${name}`,

  async check(context, args, actual) {
    if (actual !== undefined) await say(context, schemaDifferences(actual, args));
    return { state: args };
  },

  create: (context, state) => apply(context, state, undefined),

  async read(context, _id, known) {
    // One in a database that is not there is missing as that is; a session in that would be refused.
    if (known !== undefined && !(await hasDatabase(context, known)))
      return readObject(context, "schema", known, missing);
    return readObject(context, "schema", known, observe, known?.database);
  },

  update: (context, wanted, actual) => apply(context, wanted, actual),

  delete: (context, state) => leaveObject(context, "schema", state),
};

function schemaDifferences(is: SchemaArgs, { name, database, owner }: SchemaArgs): readonly Difference[] {
  if (is.owner === owner) return [];
  const object = { kind: "schema", name, database, part: "owner" } as const;
  return [{ object, there: is.owner, declared: owner, consequence: "SQL" }];
}

const missing = async () => undefined;

function hasDatabase(context: Context, known: SchemaArgs): Promise<boolean> {
  const sql = "select 1 as found from pg_catalog.pg_database where datname operator(pg_catalog.=) $1";
  const ask = async (session: WritableSession) => (await session.query(sql, [known.database])).length > 0;
  return onWritable(context, known, ask, { reading: true });
}

/** Whoever owns the database decides what names without a schema mean there, operators' too. */
async function observe<State extends SchemaArgs>(session: WritableSession, known: State): Promise<State | undefined> {
  const [found] = await session.query(
    `select r.rolname as owner from pg_catalog.pg_namespace n
       join pg_catalog.pg_roles r on r.oid operator(pg_catalog.=) n.nspowner where n.nspname operator(pg_catalog.=) $1`,
    [known.name],
  );
  return found === undefined ? undefined : { ...known, owner: found.owner ?? "" };
}

async function apply(context: Context, wanted: SchemaArgs, before: SchemaArgs | undefined): Promise<SchemaArgs> {
  const { identifier } = await import("../../servers/sql/sql.js");
  const [name, owner] = [identifier(wanted.name), identifier(wanted.owner)];
  return onWritable(
    context,
    wanted,
    async (session) => {
      const found = await observe(session, wanted);
      if (found === undefined) await session.query(`CREATE SCHEMA ${name} AUTHORIZATION ${owner}`);
      else if (found.owner !== wanted.owner) await session.query(`ALTER SCHEMA ${name} OWNER TO ${owner}`);
      return wanted;
    },
    { before, database: wanted.database },
  );
}
