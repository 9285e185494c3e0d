import { type Keeping, keepings } from "../../postgres/unlogged.js";
import type { Session } from "../sql/session.js";
import { literal } from "../sql/sql.js";

/**
 * Runs statements as one transaction. `secret` is its last, and its text is kept nowhere on the server, whatever that logs
 * or counts and however the statement ends; the others are logged as any.
 *
 * A statement like ALTER ROLE takes no parameters, so what is secret stands in its text. The ways around that are worse:
 * parameters of a SELECT whose result a DO block executes are logged too, and the block's failure has the text in its
 * CONTEXT, which no setting keeps out of a log. So the session, which is a superuser's, turns off what keeps texts. Where it may not, nothing secret is sent.
 * @throws where a statement fails, or what keeps texts cannot be turned off; the session is not to be used any further then
 */
export async function inTransaction(session: Session, statements: readonly string[], secret?: string): Promise<void> {
  const known = secret === undefined ? [] : await keepingsOf(session);
  await turnOff(
    session,
    known.filter(({ beforeTransaction }) => beforeTransaction === true),
    "session",
  );
  await session.query("begin");
  for (const statement of statements) await session.query(statement);
  if (secret !== undefined) {
    await turnOff(session, known, "transaction");
    await session.query(secret);
  }
  await session.query("commit");
}

/** What this server has of them: by its version, and by the libraries that are loaded. */
async function keepingsOf(session: Session): Promise<readonly Keeping[]> {
  const names = keepings.map(({ name }) => literal(name)).join(", ");
  const there = await session.query(`select name from pg_settings where name in (${names})`);
  return keepings.filter((one) => there.some(({ name }) => name === one.name));
}

async function turnOff(session: Session, known: readonly Keeping[], until: "session" | "transaction"): Promise<void> {
  if (known.length === 0) return;
  const local = until === "transaction";
  const calls = known.map(({ name, value }) => `set_config(${literal(name)}, ${literal(value)}, ${local})`);
  await session.query(`select ${calls.join(", ")}`);
}
