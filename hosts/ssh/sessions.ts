import type { HostSpec } from "../host.js";
import { destinationOf, disconnect, mayBeConnected } from "./client.js";
import { ConnectionCut } from "./failure.js";
import { Session } from "./session.js";

/** Milliseconds for a login: names, jump hosts, ssh's own start, sudo. */
const loginDeadline = 15_000;
/** Over a connection that is there already: a host that was switched off meanwhile does not say so. */
const reuseDeadline = 5_000;
/** For so long a host that could not be reached is not asked again: what a preview wants of it comes together. */
const remembered = 5_000;

interface Known {
  readonly spec: HostSpec;
  readonly opening: Promise<Session>;
  session?: Session;
}

const sessions = new Map<string, Known>();

/** The session of our process with a host, as its OS user: opened when it is first needed, or was lost. @throws HostUnreachable */
export function sessionOf(spec: HostSpec): Promise<Session> {
  const key = JSON.stringify([spec.name, destinationOf(spec), spec.login, spec.become, spec.user]);
  const before = sessions.get(key);
  if (before !== undefined && before.session?.isOver !== true) return before.opening;
  const known: Known = { spec, opening: open(spec) };
  sessions.set(key, known);
  const forget = () => {
    if (sessions.get(key) === known) sessions.delete(key);
  };
  known.opening.then(
    (session) => {
      known.session = session;
    },
    () => setTimeout(forget, remembered).unref(),
  );
  return known.opening;
}

/** Closes all sessions of this process, and the connections that they went over. */
export async function closeSessions(): Promise<void> {
  const all = [...sessions.values()];
  sessions.clear();
  await Promise.all(
    all.map(async ({ spec, opening }) => {
      const session = await opening.catch(() => undefined);
      session?.close();
      await disconnect(spec);
    }),
  );
}

/** A connection that is there may be stale; then it is given up, once. */
async function open(spec: HostSpec): Promise<Session> {
  if (!mayBeConnected(spec)) return Session.open(spec, loginDeadline);
  try {
    return await Session.open(spec, reuseDeadline);
  } catch (error) {
    if (!(error instanceof ConnectionCut)) throw error;
    await disconnect(spec);
    return Session.open(spec, loginDeadline);
  }
}
