import { isIP } from "node:net";

/** What a running server's postmaster.pid says of where it listens, from 9.1 on. */
export interface Listening {
  readonly port: number;
  /** The address that it reached first of listen_addresses, as that names it; absent where it listens on none. */
  readonly address?: string;
  /** The first of its folders for sockets; absent where it has none. */
  readonly socketFolder?: string;
}

/** Lines of postmaster.pid, from 0 (pidfile.h, LOCK_FILE_LINE_…). */
const lines = { port: 3, socketFolder: 4, address: 5 } as const;

/** @param text of postmaster.pid. Undefined where it does not say: before 9.1, or it is not written to its end yet */
export function listeningBy(text: string): Listening | undefined {
  const said = text.split("\n");
  const port = Number(said[lines.port]?.trim());
  if (!Number.isInteger(port) || port < 1 || port > 65535) return undefined;
  const [address, socketFolder] = [said[lines.address]?.trim() ?? "", said[lines.socketFolder] ?? ""];
  return {
    port,
    ...(isAddress(address) ? { address } : {}),
    ...(socketFolder.startsWith("/") ? { socketFolder } : {}),
  };
}

/**
 * The address at which its own host's programs reach a server that listens there: a loopback address where it listens on all.
 * @param declared the address that it is declared to have: one of loopback is kept, where it listens on that too
 */
export function ownAddress(address: string, declared: string): string {
  if (address === "*" || address === "0.0.0.0") return isLoopback4(declared) ? declared : "127.0.0.1";
  if (address === "::") return "::1";
  return address === "localhost" ? "127.0.0.1" : address;
}

/** The file of its Unix socket. */
export function socketOf(folder: string, port: number): string {
  return `${folder}/.s.PGSQL.${port}`;
}

/** What may stand in listen_addresses for one: nothing that a command could take for something else. */
function isAddress(text: string): boolean {
  return text === "*" || isIP(text) !== 0 || /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(text);
}

function isLoopback4(address: string): boolean {
  return isIP(address) === 4 && address.startsWith("127.");
}
