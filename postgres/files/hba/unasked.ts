import type { Major } from "../../versions.js";
import { parseConninfo } from "../conninfo.js";
import { admits } from "./admits.js";
import { parseHba } from "./parse.js";

/** A server as its guard's questions come from it and go to it. */
export interface Asking {
  readonly version: Major;
  readonly peers: readonly { readonly name: string; readonly address: string; readonly conninfo: string }[];
  /** Text of its pg_hba.conf; left out where nobody could read that. */
  readonly rules?: string;
}

/** A server that cannot ask another whether it was superseded: no rule there lets it in. */
export interface Unasked {
  readonly server: string;
  readonly peer: string;
  /** As which role it would ask, and from where. */
  readonly user: string;
  readonly from: string;
}

/** By the rules that lie there. What hangs on more than the rules tell is not told. */
export function unaskedAmong(servers: Readonly<Record<string, Asking>>): readonly Unasked[] {
  return Object.entries(servers).flatMap(([server, { peers }]) => {
    const from = addressOf(server, servers);
    if (from === undefined) return [];
    return peers.flatMap(({ name: peer, address: to, conninfo }): Unasked[] => {
      const other = servers[peer];
      const { user, sslmode } = parseConninfo(conninfo) ?? {};
      if (other?.rules === undefined || user === undefined) return [];
      const rules = parseHba(other.rules, { major: other.version }).entries.flatMap(({ rule }) => rule ?? []);
      const encrypted = sslmode === "verify-full" ? { encrypted: true } : {};
      const { lets } = admits(rules, { user, replicates: true, database: "replication", from, to, ...encrypted });
      return lets === "no" ? [{ server, peer, user, from }] : [];
    });
  });
}

/** Where others look for it. On Linux, any 127.0.0.x connects from 127.0.0.1. */
function addressOf(server: string, servers: Readonly<Record<string, Asking>>): string | undefined {
  const known = Object.values(servers).flatMap(({ peers }) => peers.filter(({ name }) => name === server));
  const address = known[0]?.address;
  return address?.startsWith("127.") ? "127.0.0.1" : address;
}
