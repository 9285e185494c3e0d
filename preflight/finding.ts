import { quote } from "../hosts/quote.js";
import type { Problem } from "../postgres/problem.js";
import type { HostFacts, ServerFacts } from "./facts.js";
import type { PreflightRequest, ServerRequest } from "./request.js";

/** What is looked at, by the names of docs/preflight.md. */
export type CheckName =
  | "reachable"
  | "user"
  | "programs"
  | "tools"
  | "directory"
  | "archive"
  | "file system"
  | "space"
  | "port"
  | "sockets"
  | "sessions"
  | "clock"
  | "locale"
  | "platform"
  | "memory"
  | "limits"
  | "service"
  | "schedule"
  | "mail"
  | "root";

/** What is wrong and what to do about it. */
interface Said {
  readonly cause: string;
  readonly remedy: string;
}

/** A problem of a host, or of a server on it. Its message is one line: server and host, cause, remedy. */
export interface Finding extends Problem, Said {
  readonly check: CheckName;
  readonly host: string;
  readonly server?: string;
  /** As its message begins: `server2 on host2`. */
  readonly where: string;
  /** The same said of several hosts, where its words name one. */
  readonly ofMany?: Said;
}

/** What is wrong, before it is known where. */
export interface Complaint extends Said {
  readonly check: CheckName;
  readonly severity: Problem["severity"];
  /** In the stack file. */
  readonly path: string;
  readonly ofMany?: Said;
}

export function findingAt(host: string, server: string | undefined, complaint: Complaint): Finding {
  const where = server === undefined || server === host ? host : `${server} on ${host}`;
  return {
    ...complaint,
    host,
    ...(server === undefined ? {} : { server }),
    where,
    message: messageOf(where, complaint),
  };
}

/** One line. A cause without a remedy says both, and goes on after whose it is. */
export function messageOf(where: string, { cause, remedy }: Said): string {
  return oneLine(remedy === "" ? `${where} ${cause}` : `${where}: ${cause}: ${remedy}`);
}

/** A path as a person types it in a remedy. */
export function typed(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : quote(path);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ");
}

/** One server with what was seen of it: what the checks of servers judge. */
export interface Seen {
  readonly request: PreflightRequest;
  readonly server: ServerRequest;
  readonly host: HostFacts;
  readonly facts: ServerFacts;
}

/** Whether pgsite made data there, and finished. */
export function holdsData({ data, incomplete, identity }: ServerFacts): boolean {
  return data === "filled" && identity && !incomplete;
}

/** Whether data is still to be made there. Foreign data is neither. */
export function isUnseeded({ data, incomplete }: ServerFacts): boolean {
  return data === "absent" || data === "empty" || incomplete;
}
