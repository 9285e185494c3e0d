import { atLeast, type Major } from "../../versions.js";

/** Something that pg_hba.conf knows in some versions only. */
export interface Span {
  readonly from: Major;
  readonly until: Major;
}

export interface Method extends Span {
  /** Connection types that it works on. @default all */
  readonly types?: readonly string[];
  /**
   * What is wrong with it over a network: it lets anyone in; it believes the client's machine; the client sends its password,
   * or its token, as it is, so that only an encrypted connection keeps it. @default nothing
   */
  readonly weakness?: "anyone" | "believes" | "password" | "token";
}

/** An option after the method (parse_hba_auth_opt of hba.c). */
export interface OptionRow extends Span {
  /** Methods that take it. @default all */
  readonly methods?: readonly string[];
  /** Connection types that take it. @default all */
  readonly types?: readonly string[];
  /** What it may be. @default any text */
  readonly value?: OptionValue;
}

export type OptionValue = "flag" | "port" | "ports" | readonly (Span & { readonly text: string })[];

const always: Span = { from: "9.0", until: "18" };
const overTcp = ["host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc"];

/** Authentication methods, tried on real servers of each version. A build may lack some of them (gss, ldap, pam, bsd, sspi). */
export const methods: Readonly<Record<string, Method>> = {
  trust: { ...always, weakness: "anyone" },
  reject: always,
  md5: always,
  password: { ...always, weakness: "password" },
  "scram-sha-256": { from: "10", until: "18" },
  ident: { ...always, weakness: "believes" },
  peer: { from: "9.1", until: "18", types: ["local"] },
  gss: { ...always, types: overTcp },
  sspi: always,
  krb5: { from: "9.0", until: "9.3", types: overTcp },
  ldap: { ...always, weakness: "password" },
  radius: { ...always, weakness: "password" },
  cert: { ...always, types: ["hostssl"] },
  pam: { ...always, weakness: "password" },
  bsd: { from: "9.6", until: "18", weakness: "password" },
  oauth: { from: "18", until: "18", weakness: "token" },
};

export const types: Readonly<Record<string, Span>> = {
  local: always,
  host: always,
  hostssl: always,
  hostnossl: always,
  hostgssenc: { from: "12", until: "18" },
  hostnogssenc: { from: "12", until: "18" },
};

/** Connection types that are encrypted, or leave the machine not at all. */
export const closedTypes: ReadonlySet<string> = new Set(["local", "hostssl", "hostgssenc"]);

/** Host names, .suffix and `all` as an address. */
export const namesAsAddress: Span = { from: "9.1", until: "18" };

/** `/regular expression` as a user or database, in quotes too; before, it is a name that never matches. */
export const regularExpressions: Span = { from: "16", until: "18" };

/** Quotes do not make `"+role"` a plain name: check_role of hba.c kept no trace of them. */
export const membersInQuotes: Span = { from: "9.0", until: "9.1" };

/** A backslash at the end of a line. */
export const continuedLines: Span = { from: "14", until: "18" };

/** include, include_if_exists, include_dir. */
export const includes: Span = { from: "16", until: "18" };

/** hostssl without ssl makes the server refuse the whole file; later it only never matches. */
export const sslNeeded: Span = { from: "9.0", until: "9.6" };

/** Bytes of a word and of a line that servers read. 9.6 shuts down when it reloads a file with a longer line. */
export const limits: readonly (Span & { readonly word: number; readonly line: number })[] = [
  // One more where no comma follows.
  { from: "9.0", until: "10", word: 254, line: 8189 },
  { from: "11", until: "15", word: 10_239, line: Number.POSITIVE_INFINITY },
];

const inMap = ["ident", "peer", "krb5", "gss", "sspi", "cert", "oauth"];
const kerberos = ["krb5", "gss", "sspi"];
const ssl = ["hostssl"];
const ldap = { ...always, methods: ["ldap"] };
const radiusOne = { from: "9.0", until: "9.6", methods: ["radius"] } as const;
const radiusMany = { from: "10", until: "18", methods: ["radius"] } as const;
const oauth = { from: "18", until: "18", methods: ["oauth"] } as const;

export const options: Readonly<Record<string, OptionRow>> = {
  map: { ...always, methods: inMap },
  clientcert: {
    ...always,
    types: ssl,
    value: [
      { text: "0", from: "9.0", until: "13" },
      { text: "1", from: "9.0", until: "13" },
      { text: "no-verify", from: "12", until: "13" },
      { text: "verify-ca", from: "12", until: "18" },
      { text: "verify-full", from: "12", until: "18" },
    ],
  },
  clientname: {
    from: "14",
    until: "18",
    types: ssl,
    value: [
      { text: "CN", from: "14", until: "18" },
      { text: "DN", from: "14", until: "18" },
    ],
  },
  pamservice: { ...always, methods: ["pam"] },
  pam_use_hostname: { from: "9.6", until: "18", methods: ["pam"], value: "flag" },
  ldapurl: { ...ldap, from: "9.2" },
  ldaptls: { ...ldap, value: "flag" },
  ldapscheme: {
    ...ldap,
    from: "11",
    value: [
      { text: "ldap", from: "11", until: "18" },
      { text: "ldaps", from: "11", until: "18" },
    ],
  },
  ldapserver: ldap,
  ldapport: { ...ldap, value: "port" },
  ldapbinddn: ldap,
  ldapbindpasswd: ldap,
  ldapsearchattribute: ldap,
  ldapsearchfilter: { ...ldap, from: "11" },
  ldapbasedn: ldap,
  ldapprefix: ldap,
  ldapsuffix: ldap,
  krb_server_hostname: { from: "9.0", until: "9.3", methods: ["krb5"] },
  krb_realm: { ...always, methods: kerberos },
  include_realm: { ...always, methods: kerberos, value: "flag" },
  compat_realm: { from: "9.6", until: "18", methods: ["sspi"], value: "flag" },
  upn_username: { from: "9.6", until: "18", methods: ["sspi"], value: "flag" },
  radiusserver: radiusOne,
  radiussecret: radiusOne,
  radiusport: { ...radiusOne, value: "port" },
  radiusidentifier: radiusOne,
  radiusservers: radiusMany,
  radiussecrets: radiusMany,
  radiusports: { ...radiusMany, value: "ports" },
  radiusidentifiers: radiusMany,
  issuer: oauth,
  scope: oauth,
  validator: oauth,
  delegate_ident_mapping: { ...oauth, value: "flag" },
};

export function spans({ from, until }: Span, major: Major): boolean {
  return atLeast(major, from) && atLeast(until, major);
}

/** `comes with 10`, or `ended with 9.3`, for what a version lacks. */
export function whenKnown({ from, until }: Span, major: Major): string {
  return atLeast(major, from) ? `ended with ${until}` : `comes with ${from}`;
}

/** The row of a name as someone wrote it: names that every object has are not in the table. */
export function rowOf<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
