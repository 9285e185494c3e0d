import { join } from "node:path";
import type { Host } from "../../hosts/host.js";
import { type LockCode, type LockedOut, lockOfRefusal, mendOf } from "../../postgres/lockedOut.js";
import { isDefinite, type UnreachableKind } from "../../postgres/serverProblems.js";
import { recordedRole } from "../../postgres/wal/controlFile.js";
import { readControlFile } from "../data/controlFile.js";
import type { ProcessState } from "../process/process.js";
import type { Address, SqlUnreachable } from "../sql/session.js";
import type { Taken } from "../sql/way.js";
import type { Entry } from "../status/live.js";

/** Whom a server is to let in. */
export interface Visitor {
  readonly address: Address;
  readonly administrator: string;
  /** Whether its catalogue is its own to change. */
  readonly takesWrites: () => Promise<boolean>;
}

/**
 * How a server that runs keeps pgsite out; undefined where it does not, where that passes by itself, or where another cause is
 * known: a server that says nothing at all is silent, one with another certificate is told by that.
 */
export async function findLock(
  { address, administrator: role, takesWrites }: Visitor,
  process: ProcessState,
  answer: Entry | SqlUnreachable | undefined,
  signal?: AbortSignal,
): Promise<LockedOut | undefined> {
  if (process.kind !== "running" || answer === undefined) return undefined;
  if ("way" in answer) {
    const found: Found | undefined = answer.superuser
      ? barredBefore(answer.way)
      : { code: "noSuperuser", because: "is_superuser is off", left: "stop" };
    return found && { ...(await wayLeft(found, takesWrites)), role };
  }
  if (process.status === "starting" || process.status === "stopping") return undefined;
  const code = await lockOf(address, answer, signal);
  if (code === undefined) return undefined;
  return { ...(await wayLeft({ code, because: answer.message, left: "stop" }, takesWrites)), role };
}

interface Found extends Pick<LockedOut, "code" | "because"> {
  /** The way to its catalogue. */
  readonly left: LockedOut["by"];
}

async function wayLeft(
  { left, ...found }: Found,
  takesWrites: Visitor["takesWrites"],
): Promise<Omit<LockedOut, "role">> {
  if (mendOf(found) !== "catalogue") return { ...found, by: "host" };
  if (!(await takesWrites())) return { ...found, by: "primary" };
  return { ...found, by: left };
}

/** By its control file and its own files, which no session is needed for. */
export async function takesWrites(host: Host, dataDirectory: string): Promise<boolean> {
  for (const name of ["standby.signal", "recovery.signal", "recovery.conf"]) {
    if ((await host.stat(join(dataDirectory, name))) !== undefined) return false;
  }
  const control = await readControlFile(host, dataDirectory);
  return control !== undefined && recordedRole(control) === "primary";
}

/** What keeps a login out that came in as the server's OS user alone, or past what the server runs at login. */
function barredBefore({ barred }: Taken): Found | undefined {
  for (const { by, kind, because, atLogin } of barred) {
    if (atLogin === true) return { code: kind === "timeout" ? "loginHangs" : "login", because, left: "session" };
    const code = by === "owner" ? undefined : ofOwner[kind];
    if (code !== undefined) return { code, because, left: "host" };
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
  if (kind === "timeout") return (await answers(address, signal)) ? "loginHangs" : undefined;
  if (kind === "cannotConnectNow" || kind === "tls") return undefined;
  return lockOfRefusal((cause ?? {}) as { readonly code?: string; readonly routine?: string });
}

/** Whether a server that gives no session in time answers at all: the question for TLS comes before all that may hang. */
async function answers(address: Address, signal: AbortSignal | undefined): Promise<boolean> {
  const { isAnswering } = await import("../sql/certificate.js");
  return isAnswering(address, signal);
}

/** Whether a refusal stays what it is, however long somebody waits. */
export function isFinal({ kind, cause }: SqlUnreachable): boolean {
  if (isDefinite(kind)) return true;
  const code = lockOfRefusal((cause ?? {}) as { readonly code?: string; readonly routine?: string });
  return code !== undefined && code !== "full" && code !== "roleLimit";
}
