import { type LockCode, type LockedOut, lockOfRefusal, mendOf } from "../../postgres/lockedOut.js";
import type { ProcessState } from "../process/process.js";
import type { Address, SqlUnreachable } from "../sql/session.js";
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
    return answer.superuser ? undefined : lock("noSuperuser", role, "is_superuser is off");
  }
  if (process.status === "starting" || process.status === "stopping") return undefined;
  const code = await lockOf(address, answer, signal);
  return code === undefined ? undefined : lock(code, role, answer.message);
}

function lock(code: LockCode, role: string, because: string): LockedOut {
  return { code, role, because, by: mendOf({ code }) === "catalogue" ? "stop" : "host" };
}

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
  if (kind === "unproven") return true;
  const code = lockOfRefusal((cause ?? {}) as { readonly code?: string; readonly routine?: string });
  return code !== undefined && code !== "full" && code !== "roleLimit";
}
