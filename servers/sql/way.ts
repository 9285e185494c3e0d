import { isIP } from "node:net";
import { type HostSpec, isDirect, type Port, type SocketFile } from "../../hosts/host.js";
import { type Listening, ownAddress, socketOf } from "../../postgres/postmaster.js";
import type { UnreachableKind } from "../../postgres/serverProblems.js";

/**
 * How a session gets to its server. `direct`: by TCP from here; `local`: on this machine; `forwarded`: through the connection to
 * its host; `piped`: through a program on its host; `owner`: the same, to the server's Unix socket, as its OS user, without a
 * password.
 */
export type WayKind = "direct" | "local" | "forwarded" | "piped" | "owner";

export interface Way {
  readonly by: WayKind;
  readonly to: Port | SocketFile;
}

/** A way that was tried and led to no session. */
export interface Barred {
  readonly by: WayKind;
  readonly kind: UnreachableKind;
  readonly because: string;
  /** The login was accepted; what the server runs at each login failed, or did not end. */
  readonly atLogin?: true;
}

/** The way that a session has taken, and those before it. */
export interface Taken {
  readonly by: WayKind;
  /** `127.0.0.1:5432`, or a Unix socket's path. */
  readonly at: string;
  /** The role that it is a session of: as the OS user, it may be that user's own. */
  readonly role: string;
  readonly barred: readonly Barred[];
}

/** A server by where it is declared to be. The state of an older pgsite has no host. */
export interface Whereabouts {
  readonly host?: HostSpec | undefined;
  readonly address: string;
  readonly port: number;
}

/**
 * The ways to a server, the best first. Where no server is known to run it is asked where it is declared to be: somebody else
 * may be there. @param listening what its postmaster.pid says; `unsaid` before 9.1; undefined where there is none
 */
export function waysTo(at: Whereabouts, listening: Listening | "unsaid" | undefined): readonly Way[] {
  const { host, address, port } = at;
  const declared = { address, port };
  if (host === undefined) return [{ by: "direct", to: declared }];
  if (isDirect(host)) return directWays(declared, listening);
  const byTcp: readonly WayKind[] = host.transport === "local" ? ["local"] : ["forwarded", "piped"];
  const by = (to: Port) => byTcp.map((by) => ({ by, to }));
  if (listening === undefined) return by(declared).slice(0, 1);
  if (listening === "unsaid") return by(declared);
  const { address: heard, port: own, socketFolder: folder } = listening;
  return [
    ...(heard === undefined ? [] : by({ address: ownAddress(heard, address), port: own })),
    ...(folder === undefined ? [] : [{ by: "owner" as const, to: { path: socketOf(folder, own) } }]),
  ];
}

/** To the declared address, else to the one where it listens; at the port that it has, which may be about to change. */
function directWays(declared: Port, listening: Listening | "unsaid" | undefined): readonly Way[] {
  if (listening === undefined || listening === "unsaid") return [{ by: "direct", to: declared }];
  const { address: heard, port } = listening;
  const isOwn = heard !== undefined && isIP(heard) !== 0 && !["0.0.0.0", "::", declared.address].includes(heard);
  const addresses = isOwn ? [declared.address, heard] : [declared.address];
  return addresses.map((address) => ({ by: "direct", to: { address, port } }));
}

export function shownPlace(to: Way["to"]): string {
  return "path" in to ? to.path : `${to.address}:${to.port}`;
}

/** What may be mended from within: the server's OS user is asked for no password, and comes by another rule. */
const passableByOwner: ReadonlySet<UnreachableKind> = new Set([
  ...(["noRule", "password", "role", "authentication", "unproven", "tls", "refused"] as const),
]);

/** Nothing was there. */
const absent: ReadonlySet<UnreachableKind> = new Set(["refused", "timeout", "silent"]);

/** Whether a way may lead to a session where another one failed like this. */
export function leadsOn(way: Way, failed: Barred): boolean {
  if (way.by === "direct") return absent.has(failed.kind);
  if (way.by === "piped") return failed.kind === "silent";
  return way.by === "owner" && passableByOwner.has(failed.kind);
}
