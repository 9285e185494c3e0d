import { atLeast, type Major } from "../versions.js";

/** Something that pg_hba.conf knows in some versions only. */
export interface Span {
  readonly from: Major;
  readonly until: Major;
}

export interface Method extends Span {
  /** Connection types that it works on. @default all */
  readonly types?: readonly string[];
}

const always: Span = { from: "9.0", until: "18" };
const overTcp = ["host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc"];

/** Authentication methods, tried on real servers of each version. A build may lack some of them (gss, ldap, pam, bsd, sspi). */
export const methods: Readonly<Record<string, Method>> = {
  trust: always,
  reject: always,
  md5: always,
  password: always,
  "scram-sha-256": { from: "10", until: "18" },
  ident: always,
  peer: { from: "9.1", until: "18", types: ["local"] },
  gss: { ...always, types: overTcp },
  sspi: always,
  krb5: { from: "9.0", until: "9.3", types: overTcp },
  ldap: always,
  radius: always,
  cert: { ...always, types: ["hostssl"] },
  pam: always,
  bsd: { from: "9.6", until: "18" },
  oauth: { from: "18", until: "18" },
};

export const types: Readonly<Record<string, Span>> = {
  local: always,
  host: always,
  hostssl: always,
  hostnossl: always,
  hostgssenc: { from: "12", until: "18" },
  hostnogssenc: { from: "12", until: "18" },
};

/** Host names, .suffix and `all` as an address. */
export const namesAsAddress: Span = { from: "9.1", until: "18" };

/** `/regular expression` as a user or database; before, it is a name that never matches. */
export const regularExpressions: Span = { from: "16", until: "18" };

/** Options that changed their names. */
export const options: Readonly<Record<string, Span>> = {
  radiusserver: { from: "9.0", until: "9.6" },
  radiussecret: { from: "9.0", until: "9.6" },
  radiusport: { from: "9.0", until: "9.6" },
  radiusidentifier: { from: "9.0", until: "9.6" },
  radiusservers: { from: "10", until: "18" },
  radiussecrets: { from: "10", until: "18" },
  radiusports: { from: "10", until: "18" },
  radiusidentifiers: { from: "10", until: "18" },
};

export function spans({ from, until }: Span, major: Major): boolean {
  return atLeast(major, from) && atLeast(until, major);
}

/** `comes with 10`, or `ended with 9.3`, for what a version lacks. */
export function whenKnown({ from, until }: Span, major: Major): string {
  return atLeast(major, from) ? `ended with ${until}` : `comes with ${from}`;
}
