import type { Context } from "../../servers/rollout/reporter.js";
import { say } from "../protocol/say.js";
import { onWritable, type SqlArgs, type WritableSession } from "./sql.js";

/** What lives in the databases of a site under a name of its own. */
type Kind = "role" | "database" | "schema";

interface Named extends SqlArgs {
  readonly name: string;
  /** In which a schema is. */
  readonly database?: string;
}

/** What there is of it on the server that takes writes; undefined, and said, where it is missing. */
export async function readObject<State extends Named>(
  context: Context,
  kind: Kind,
  known: State | undefined,
  observe: (session: WritableSession, known: State) => Promise<State | undefined>,
  database?: string,
): Promise<State | undefined> {
  if (known === undefined) {
    throw new Error(`a ${kind} cannot be imported by its id: declare it, and \`pulumi up\` adopts it`);
  }
  const found = await onWritable(context, known, (session) => observe(session, known), {
    reading: true,
    ...(database === undefined ? {} : { database }),
  });
  if (found === undefined) {
    const { name, database: within = "" } = known;
    const object = kind === "schema" ? { kind, name, database: within } : { kind, name };
    await say(context, [{ object, there: { is: "missing" }, consequence: "SQL" }]);
  }
  return found;
}

/** No resource drops anything: it is left on the server, and said, with how to drop it. */
export async function leaveObject(context: Context, kind: Kind, { name, site, database }: Named): Promise<void> {
  const { identifier } = await import("../../servers/sql/sql.js");
  const drop = `DROP ${kind.toUpperCase()} ${identifier(name)};`;
  const [within, there] = database === undefined ? ["", ""] : [` in the database ${database}`, " there"];
  await context.log("warning", `left the ${kind} ${name}${within} of ${site}; to drop it${there}: ${drop}`);
}
