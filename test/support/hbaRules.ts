import fc from "fast-check";
import type { HbaName, HbaRule } from "../../postgres/files/hba/index.js";
import { hasMeaning } from "../../postgres/files/hba/rule.js";

/** Generators of access rules, most of them good, many of them nearly so. */

const words = [
  "all",
  "sameuser",
  "samerole",
  "samegroup",
  "replication",
  "ALL",
  "+staff",
  "@names",
  "dbadmin",
  "a,b",
  "#",
];
const patterns = ["/^a", "/(", "/[a-", "/a{2}", "/a{256}", "/x*", "/**", "/(?i)x", "/a|b", "/\\d+", "/[[:alpha:]]$"];
const odd = [
  '"',
  'a"b',
  "a b",
  "a\\",
  "é",
  "a\u00a0b",
  "$user",
  "x".repeat(63),
  "x".repeat(64),
  "x".repeat(254),
  "x".repeat(256),
];

const text = fc.oneof(
  { weight: 3, arbitrary: fc.stringMatching(/^[a-z_][a-z0-9_]{0,8}$/) },
  { weight: 3, arbitrary: fc.constantFrom(...words) },
  { weight: 1, arbitrary: fc.constantFrom(...patterns) },
  { weight: 1, arbitrary: fc.constantFrom(...odd) },
);
const name = fc
  .tuple(text, fc.boolean())
  .map(([one, literal]): HbaName => ({ text: one, literal: literal && hasMeaning(one) }));
const names = fc.array(name, { minLength: 1, maxLength: 3 });

/** Any text that a file can hold. */
const anyText = fc.string({ unit: "binary", minLength: 1, maxLength: 12 }).filter((one) => !/[\r\n\0]/.test(one));
const anyName = fc.oneof(
  name,
  fc.tuple(anyText, fc.boolean()).map(([one, literal]) => ({ text: one, literal: literal && hasMeaning(one) })),
);

const types = ["local", "host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc"];
const type = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom(...types) },
  fc.constantFrom("hostsll", "Host", "socket"),
);

const place = fc.oneof(
  fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 34 })).map(([ip, bits]) => ({ address: `${ip}/${bits}` })),
  fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 130 })).map(([ip, bits]) => ({ address: `${ip}/${bits}` })),
  fc
    .tuple(fc.ipV4(), fc.constantFrom("255.255.0.0", "0.0.0.0", "255.0.255.0", "ffff::", "255.255.256.0"))
    .map(([address, mask]) => ({ address, mask })),
  fc.tuple(fc.ipV6(), fc.constantFrom("ffff:ffff::", "::", "255.0.0.0")).map(([address, mask]) => ({ address, mask })),
  fc
    .constantFrom(
      ...[
        "all",
        "samehost",
        "samenet",
        "db.example.org",
        ".example.org",
        "localhost",
        "host_1",
        "x/8",
        "10.0.0.1",
        "::1",
      ],
      ...[
        "10.0.0.0/",
        "10.0.0.0/x",
        "10.0.0.0/-1",
        "10.0.0.1/8",
        "10.0.0.300/32",
        "1.2.3/24",
        "fe80::1%1/64",
        "a,b",
        "-x",
      ],
      ...["::ffff:10.0.0.1/128", "010.0.0.1/32", "10.0.0.0/08", "10.0.0.0/+8"],
    )
    .map((address) => ({ address })),
);

const methods = ["trust", "reject", "md5", "password", "scram-sha-256", "ident", "peer", "gss", "sspi", "krb5", "ldap"];
const method = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom("md5", "trust", "ident", "cert", "radius", "oauth") },
  { weight: 3, arbitrary: fc.constantFrom(...methods, "radius", "cert", "pam", "bsd", "oauth") },
  { weight: 1, arbitrary: fc.constantFrom("MD5", "scram", "md5,trust", "crypt", "") },
);

const values: Readonly<Record<string, readonly string[]>> = {
  map: ["", "m", "a b"],
  clientcert: ["0", "1", "no-verify", "verify-ca", "verify-full", "yes"],
  clientname: ["CN", "DN", "cn"],
  radiusserver: ["127.0.0.1"],
  radiusservers: ["127.0.0.1", "127.0.0.1,127.0.0.2"],
  radiussecret: ["it's", "a b"],
  radiussecrets: ["one", "one,two", "a,b,c"],
  radiusport: ["1812", "x", "0"],
  radiusports: ["1812", "1812,1813", "1812,x"],
  radiusidentifiers: ["a", "a,b"],
  issuer: ["https://issuer.example.org"],
  scope: ["openid", "a b"],
  validator: ["validator"],
  delegate_ident_mapping: ["0", "1"],
  ldapserver: ["ldap.example.org"],
  ldapport: ["389", "x"],
  ldapprefix: ["cn="],
  ldapbasedn: ["dc=example"],
  ldapsearchattribute: ["uid"],
  include_realm: ["0", "1"],
  krb_realm: ["EXAMPLE.ORG"],
  pamservice: ["postgresql"],
  unknown: ["1"],
  mapp: ["m"],
};
const option = fc
  .constantFrom(...Object.keys(values))
  .chain((key) => fc.constantFrom(...(values[key] as string[])).map((value) => ({ name: key, value })));

/** Options that a method needs, so that enough of the rules with it are good. */
const needed: Readonly<Record<string, readonly (readonly string[])[]>> = {
  radius: [
    ["radiusserver", "radiussecret"],
    ["radiusservers", "radiussecrets"],
  ],
  oauth: [["issuer", "scope"]],
  ldap: [
    ["ldapserver", "ldapprefix"],
    ["ldapserver", "ldapbasedn"],
  ],
};
function optionsOf(chosen: string): fc.Arbitrary<HbaRule["options"]> {
  const few = fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, fc.array(option, { maxLength: 2 }));
  const sets = needed[chosen];
  if (sets === undefined) return few;
  return fc
    .constantFrom(...sets)
    .chain((set) =>
      fc.tuple(
        ...set.map((key) => fc.constantFrom(...(values[key] as string[])).map((value) => ({ name: key, value }))),
      ),
    )
    .chain((given) => few.map((more) => [...given, ...more]));
}

/** Rules as stack files hold them: every version refuses some of them. */
export const candidateRule: fc.Arbitrary<HbaRule> = fc
  .record({ type, databases: names, users: names, place, method })
  .chain(({ place: at, ...rule }) =>
    optionsOf(rule.method).map((options) => ({ ...rule, ...(rule.type === "local" ? {} : at), options })),
  );

const optionName = fc.stringMatching(/^[a-z_]{1,12}$/);

/** Rules that can be written and read back, whatever a server says of them. */
export const writableRule: fc.Arbitrary<HbaRule> = fc
  .record({
    type: fc.constantFrom(...types),
    databases: fc.array(anyName, { minLength: 1, maxLength: 4 }),
    users: fc.array(anyName, { minLength: 1, maxLength: 4 }),
    place: fc.oneof(
      fc.constantFrom({ address: "all" }, { address: ".example.org" }, { address: "::1", mask: "ffff::" }),
      fc.tuple(fc.ipV4(), fc.nat(32)).map(([ip, bits]) => ({ address: `${ip}/${bits}` })),
      fc.tuple(fc.ipV4(), fc.ipV4()).map(([address, mask]) => ({ address, mask })),
    ),
    method: fc.constantFrom(...methods),
    options: fc.array(fc.record({ name: optionName, value: fc.oneof(anyText, fc.constant("")) }), { maxLength: 3 }),
  })
  .map(({ place: at, ...rule }) => ({ ...rule, ...(rule.type === "local" ? {} : at) }));

/** A line with some characters put in, taken out or doubled. */
export function damaged(line: string): fc.Arbitrary<string> {
  const position = fc.nat(line.length);
  const change = fc.record({
    at: position,
    drop: fc.nat(2),
    put: fc.constantFrom("", '"', '""', ",", " ", "#", "\\", "=", "/", "\t", "+", "@names"),
  });
  return fc.array(change, { minLength: 1, maxLength: 3 }).map((changes) => {
    let text = line;
    for (const { at, drop, put } of changes) text = text.slice(0, at) + put + text.slice(at + drop);
    return text;
  });
}
