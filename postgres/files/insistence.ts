import { atLeast, type Major } from "../versions.js";
import type { Conninfo } from "./conninfo.js";
import type { Asks } from "./hba/index.js";

/** What a client knows of the server that it connects to. */
export interface Expected {
  /** Whether it verifies the server's certificate. */
  readonly verified: boolean;
  /** How the server may ask for a proof. */
  readonly asks: readonly Asks[];
}

/** A parameter of a connection string, and the first libpq that knows it. */
export interface Insisted {
  readonly name: string;
  readonly from: Major;
  readonly value: string;
}

/** How libpq insists that a server proves itself, and does not answer whatever it is asked. */
const parameters = [
  {
    name: "channel_binding",
    from: "13",
    value: ({ verified, asks }: Expected) => (verified && asks.join() === "scram-sha-256" ? "require" : undefined),
  },
  { name: "require_auth", from: "16", value: ({ asks }: Expected) => (asks.length === 0 ? undefined : asks.join(",")) },
] as const;

/** Whatever any libpq can insist on. */
export function insisted(expected: Expected): readonly Insisted[] {
  return parameters.flatMap(({ name, from, value }) => {
    const wanted = value(expected);
    return wanted === undefined ? [] : [{ name, from, value: wanted }];
  });
}

/** What libpq of this version can insist on. */
export function insistence(libpq: Major, expected: Expected): Conninfo {
  const known = insisted(expected).filter(({ from }) => atLeast(libpq, from));
  return Object.fromEntries(known.map(({ name, value }) => [name, value]));
}

/** Whether libpq of this version gives a password in clear to whoever listens at the server's address and asks for it. */
export function isCredulous(libpq: Major, { verified }: Pick<Expected, "verified">): boolean {
  return !verified && !atLeast(libpq, "16");
}
