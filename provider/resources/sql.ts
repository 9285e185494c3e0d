import { keyText } from "../../hosts/key.js";
import { sortedAsks } from "../../postgres/files/hba/index.js";
import { isRefusal } from "../../postgres/serverProblems.js";
import { atLeast, type Major, majorOfNumber } from "../../postgres/versions.js";
import type { Context } from "../../servers/rollout/reporter.js";
import type { Address, Login, Session, SqlUnreachable } from "../../servers/sql/session.js";
import type { ServerState } from "../../servers/sql/writable.js";
import { onceARefresh } from "../../servers/status/refresh.js";

/** What every resource that lives in the databases of a site carries. */
export interface SqlArgs {
  readonly site: string;
  /** Every server of the site that could be the writable one, in this stack and others. */
  readonly endpoints: readonly Address[];
  readonly administrator: string;
  readonly administratorPassword: string;
}

export interface WritableSession extends Session {
  readonly version: Major;
}

/** Milliseconds until a read must have its session, and each answer. */
const patience = 3000;

interface Asked {
  readonly before?: SqlArgs | undefined;
  readonly reading?: boolean;
  /** @default postgres */
  readonly database?: string;
}

/**
 * Runs `act` on whichever server of the site takes writes now. `before` is what was known: where the administrator's
 * password is being changed, the old one may still be the right one.
 * @throws where none takes writes, naming each server and why; where two do
 */
export async function onWritable<T>(
  context: Context,
  args: SqlArgs,
  act: (session: WritableSession) => Promise<T>,
  { before, reading = false, database }: Asked = {},
): Promise<T> {
  const { connect, options } = await connecting(reading, context.signal);
  const endpoints = asBefore(args.endpoints, before?.endpoints);
  const now = args.administratorPassword;
  const old = before?.administratorPassword ?? now;
  // Another resource may change it between two attempts.
  const passwords = now === old ? [now] : [now, old, now];
  let states: readonly ServerState[] = [];
  for (const [attempt, password] of passwords.entries()) {
    const login = { user: args.administrator, password };
    const ask = () => find(endpoints, login, context.signal, reading);
    const answer = await (reading ? onceARefresh(`writable ${keyText([endpoints, login])}`, ask) : ask());
    states = answer.states;
    if (answer.writable !== undefined) {
      let begun = false;
      try {
        const where = database === undefined ? options : { ...options, database };
        return await connect(answer.writable, login, where, async (session) => {
          begun = true;
          return act(await prepared(session, reading));
        });
      } catch (error) {
        const refused = isRefusal((error as SqlUnreachable).kind);
        if (begun || !refused || attempt === passwords.length - 1) throw error;
        continue;
      }
    }
    if (!states.some(({ unreachable }) => isRefusal(unreachable?.kind))) break;
  }
  throw new Error(`no server of ${args.site} takes writes: ${states.map(sayState).join("; ")}`);
}

/**
 * Servers that may still ask as it was declared before: a password is brought into another form by a session that is asked for
 * it in the old one.
 */
function asBefore(endpoints: readonly Address[], before: readonly Address[] | undefined): readonly Address[] {
  return endpoints.map((endpoint) => {
    const old = before?.find(({ name }) => name === endpoint.name)?.proof?.asks ?? [];
    const { proof } = endpoint;
    return { ...endpoint, proof: { ...proof, asks: sortedAsks([...proof.asks, ...old]) } };
  });
}

async function prepared(session: Session, reading: boolean): Promise<WritableSession> {
  // In full: whoever owns the database decides where names are looked for.
  const [row] = await session.query("select pg_catalog.current_setting('server_version_num') as number");
  const version = majorOfNumber(Number(row?.number));
  if (version === undefined) throw new Error(`pgsite does not know the server's version, ${row?.number}`);
  // Somebody may have made that the default, for whom so ever.
  if (!reading) await session.query("set default_transaction_read_only = off");
  // While a site is made, the standby that a synchronous commit waits for is not there yet.
  if (!reading && atLeast(version, "9.1")) await session.query("set synchronous_commit = local");
  return { ...session, version };
}

async function find(endpoints: readonly Address[], login: Login, signal: AbortSignal, reading: boolean) {
  const { findWritable } = await import("../../servers/sql/writable.js");
  const { connect, options } = await connecting(reading, signal);
  return findWritable(endpoints, login, { ...options, connect });
}

/** Reads share their sessions with whatever else a refresh asks. */
async function connecting(reading: boolean, signal: AbortSignal) {
  const { withSession } = await import("../../servers/sql/session.js");
  if (!reading) return { connect: withSession, options: { signal } };
  const { withSharedSession } = await import("../../servers/sql/sharedSession.js");
  return { connect: withSharedSession, options: { timeout: patience, queryTimeout: patience, signal } };
}

function sayState({ endpoint, state, unreachable }: ServerState): string {
  return state === "inRecovery"
    ? `${endpoint.name} is in recovery`
    : (unreachable?.message ?? `${endpoint.name} is not`);
}
