import type { Major } from "../../postgres/versions.js";
import { type Address, type Login, type Session, SqlUnreachable, withSession } from "./session.js";
import { majorOfServer, namesOf } from "./versions.js";

/** What a server said when it was asked who it is. */
export interface ServerState<E extends Address = Address> {
  readonly endpoint: E;
  /** What is known of it; `unreachable` has the reason. */
  readonly state: "writable" | "inRecovery" | "unreachable";
  readonly version?: Major;
  /** From 9.6 on, over SQL. */
  readonly systemIdentifier?: string;
  readonly unreachable?: SqlUnreachable;
}

export interface Writable<E extends Address> {
  /** The one server that takes writes now, if there is one. */
  readonly writable?: E;
  /** In the order of the endpoints. */
  readonly states: readonly ServerState<E>[];
}

interface AskOptions {
  /** Milliseconds. @default 5000 */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
  readonly connect?: typeof withSession;
}

/**
 * Asks all servers at once which of them takes writes: during a role change that is not the declared one.
 * @throws where two of them do, naming both: nothing may be done then.
 */
export async function findWritable<E extends Address>(
  endpoints: readonly E[],
  login: Login,
  options: AskOptions = {},
): Promise<Writable<E>> {
  const states = await Promise.all(endpoints.map((endpoint) => askState(endpoint, login, options)));
  const writable = states.filter(({ state }) => state === "writable");
  if (writable.length > 1) throw new TwoWritable(writable.map(({ endpoint }) => endpoint));
  return { ...(writable[0] === undefined ? {} : { writable: writable[0].endpoint }), states };
}

/** Two servers of one site take writes: their data diverges with every transaction. */
export class TwoWritable extends Error {
  constructor(servers: readonly Address[]) {
    const names = servers.map(({ name, address, port }) => `${name} (${address}:${port})`).join(" and ");
    super(
      `${names} both take writes: stop the one that clients do not use (pgsite stop NAME), then run again; nothing was changed`,
    );
    this.name = "TwoWritable";
  }
}

async function askState<E extends Address>(
  endpoint: E,
  login: Login,
  { timeout = 5000, signal, connect = withSession }: AskOptions,
): Promise<ServerState<E>> {
  try {
    const options = { timeout, queryTimeout: timeout, ...(signal === undefined ? {} : { signal }) };
    return await connect(endpoint, login, options, async (session) => {
      const { inRecovery, version, systemIdentifier } = await whoAreYou(session);
      return {
        endpoint,
        state: inRecovery ? ("inRecovery" as const) : ("writable" as const),
        version,
        ...(systemIdentifier === undefined ? {} : { systemIdentifier }),
      };
    });
  } catch (error) {
    signal?.throwIfAborted();
    const reason =
      error instanceof SqlUnreachable
        ? error
        : new SqlUnreachable(endpoint.name, "other", error instanceof Error ? error.message : String(error));
    return { endpoint, state: "unreachable", unreachable: reason };
  }
}

/** Role, version and (9.6 and later) system identifier of the server at the other end. */
export async function whoAreYou(
  session: Session,
): Promise<{ readonly inRecovery: boolean; readonly version: Major; readonly systemIdentifier?: string }> {
  const [row] = await session.query(
    "select pg_is_in_recovery()::text as recovery, current_setting('server_version_num') as version",
  );
  const version = majorOfServer(row?.version ?? "");
  const inRecovery = row?.recovery === "true";
  if (!namesOf(version).controlFunctions) return { inRecovery, version };
  const [system] = await session.query("select system_identifier::text as id from pg_control_system()");
  return {
    inRecovery,
    version,
    ...(system?.id == null ? {} : { systemIdentifier: BigInt.asUintN(64, BigInt(system.id)).toString() }),
  };
}
