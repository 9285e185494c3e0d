import { Session } from "./session.js";
import { ConnectionCut, type Transport } from "./transport.js";

/** Milliseconds for a login: names, jump hosts, the start of ssh or of a Docker client, sudo. */
const loginDeadline = 15_000;
/** Over a connection that is there already: a host that was switched off meanwhile does not say so. */
const reuseDeadline = 5_000;
/** For so long a host that could not be reached is not asked again: what a preview wants of it comes together. */
const remembered = 5_000;

interface Known {
  readonly transport: Transport;
  readonly opening: Promise<Session>;
  session?: Session;
}

const sessions = new Map<string, Known>();

/** The session of our process with a host, as its OS user: opened when it is first needed, or was lost. @throws HostUnreachable */
export function sessionOf(transport: Transport): Promise<Session> {
  const { key } = transport;
  const before = sessions.get(key);
  if (before !== undefined && before.session?.isOver !== true) return before.opening;
  const known: Known = { transport, opening: open(transport) };
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
    all.map(async ({ transport, opening }) => {
      const session = await opening.catch(() => undefined);
      session?.close();
      await transport.disconnect();
    }),
  );
}

/** A connection that is there may be stale; then it is given up, once. */
async function open(transport: Transport): Promise<Session> {
  if (!transport.mayBeConnected()) return Session.open(transport, loginDeadline);
  try {
    return await Session.open(transport, reuseDeadline);
  } catch (error) {
    if (!(error instanceof ConnectionCut)) throw error;
    await transport.disconnect();
    return Session.open(transport, loginDeadline);
  }
}
