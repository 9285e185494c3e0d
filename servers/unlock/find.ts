import { type LockCode, type LockedOut, lockOfRefusal, mendOf } from "../../postgres/lockedOut.js";
import { isDefinite, type UnreachableKind } from "../../postgres/serverProblems.js";
import type { ProcessState } from "../process/process.js";
import type { Address, SqlUnreachable } from "../sql/session.js";
import type { Taken } from "../sql/way.js";
import type { LiveAnswer } from "../status/live.js";

/** Whom a server is to let in. */
export interface Visitor {
  readonly address: Address;
  readonly administrator: string;
}

/**
 * How a server that runs keeps pgsite out; undefined where it does not, where that passes by itself, or where another cause is
 * known: a server that says nothing at all is silent, one with another certificate is told by that.
 */
export async function findLock(
  { address, administrator: role }: Visitor,
  process: ProcessState,
  answer: LiveAnswer | undefined,
  signal?: AbortSignal,
): Promise<LockedOut | undefined> {
  if (process.kind !== "running" || answer === undefined) return undefined;
  if ("settings" in answer) {
    if (!answer.superuser) return lock("noSuperuser", role, "is_superuser is off");
    return barredBefore(role, answer.way);
  }
  if (process.status === "starting" || process.status === "stopping") return undefined;
  const code = await lockOf(address, answer, signal);
  return code === undefined ? undefined : lock(code, role, answer.message);
}

function lock(code: LockCode, role: string, because: string): LockedOut {
  return { code, role, because, by: mendOf({ code }) === "catalogue" ? "stop" : "host" };
}

/** What keeps a login out that came in as the server's OS user alone, or past what the server runs at login. */
function barredBefore(role: string, { barred }: Taken): LockedOut | undefined {
  for (const { by, kind, because, atLogin } of barred) {
    if (atLogin === true) return { code: kind === "timeout" ? "loginHangs" : "login", role, because, by: "session" };
    const code = by === "owner" ? undefined : ofOwner[kind];
    if (code !== undefined) return { code, role, because, by: "host" };
  }
  return undefined;
}

/** Of a session's ways, why one led nowhere. A certificate, and where it listens, are told by themselves. */
const ofOwner: Partial<Readonly<Record<UnreachableKind, LockCode>>> = {
  noRule: "noRule",
  authentication: "otherRules",
  unproven: "otherRules",
  password: "password",
  role: "role",
};

async function lockOf(
  address: Address,
  { kind, cause }: SqlUnreachable,
  signal: AbortSignal | undefined,
): Promise<LockCode | undefined> {
  if (kind === "unproven") return "otherRules";
  if (kind === "refused") return "elsewhere";
  if (kind === "timeout") return (await isAlive(address, signal)) ? "loginHangs" : undefined;
  if (kind === "starting" || kind === "stopping" || kind === "recoveryRefusesQueries" || kind === "tls")
    return undefined;
  return lockOfRefusal((cause ?? {}) as { readonly code?: string; readonly routine?: string });
}

/** Whether a server that gives no session in time answers at all: the question for TLS comes before all that may hang. */
async function isAlive(address: Address, signal: AbortSignal | undefined): Promise<boolean> {
  const { presentedBy } = await import("../sql/certificate.js");
  return presentedBy(address, signal).then(
    () => true,
    () => false,
  );
}

/** Whether a refusal stays what it is, however long somebody waits. */
export function isFinal({ kind, cause }: SqlUnreachable): boolean {
  if (isDefinite(kind)) return true;
  const code = lockOfRefusal((cause ?? {}) as { readonly code?: string; readonly routine?: string });
  return code !== undefined && code !== "full" && code !== "roleLimit";
}
