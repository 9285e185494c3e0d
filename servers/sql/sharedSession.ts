import { keyText } from "../../hosts/key.js";
import { recall, remember } from "../status/refresh.js";
import { openSession, type Session, SqlUnreachable, type withSession } from "./session.js";

/** Milliseconds for which a session that nobody uses stays: one refresh asks the same server several times. */
const idle = 1000;

interface Shared {
  readonly opening: Promise<Session>;
  users: number;
  closing?: NodeJS.Timeout;
}

const all = new Map<string, Shared>();

/**
 * `withSession` for questions only: whoever asks the same server with the same login and options at about the same time
 * shares one session, so `act` must not change it. One that failed anybody is not given to others.
 */
export const withSharedSession: typeof withSession = async (endpoint, login, options, act) => {
  const { signal: _signal, ...rest } = options;
  const { name, address, port, proof, host, dataDirectory } = endpoint;
  const key = keyText([name, address, port, proof, host, dataDirectory, login.user, login.password, rest]);
  // A server that gave none a moment ago would say the same.
  const none = recall<SqlUnreachable>(`no session ${key}`);
  if (none !== undefined) throw await none;
  const shared = all.get(key) ?? { users: 0, opening: openSession(endpoint, login, { ...options, reading: true }) };
  all.set(key, shared);
  clearTimeout(shared.closing);
  shared.users += 1;
  try {
    return await act(await shared.opening);
  } catch (error) {
    if (all.get(key) === shared) all.delete(key);
    if (error instanceof SqlUnreachable) remember(`no session ${key}`, Promise.resolve(error));
    throw error;
  } finally {
    shared.users -= 1;
    if (shared.users === 0) {
      shared.closing = setTimeout(() => void close(key, shared), all.get(key) === shared ? idle : 0);
      shared.closing.unref();
    }
  }
};

/** Ends all that nobody uses now: whoever asks next gets a new one, as in a provider that was just started. */
export async function endSharedSessions(): Promise<void> {
  const unused = [...all].filter(([, { users }]) => users === 0);
  for (const [, { closing }] of unused) clearTimeout(closing);
  await Promise.all(unused.map(([key, shared]) => close(key, shared)));
}

async function close(key: string, shared: Shared): Promise<void> {
  if (all.get(key) === shared) all.delete(key);
  await shared.opening.then((session) => session.end()).catch(() => undefined);
}
