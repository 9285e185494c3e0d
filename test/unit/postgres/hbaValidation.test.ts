import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type HbaFacts, parseHbaLine, validateHba } from "../../../postgres/files/hba/index.js";
import { type Major, majors } from "../../../postgres/versions.js";
import { candidateRule } from "../../support/hbaRules.js";

/** What is said of a line: `severity column: message`. */
function said(line: string, major: Major, facts?: HbaFacts): string[] {
  const { rule, problems } = parseHbaLine(line, "access[0]");
  const found = rule === undefined ? problems : validateHba(rule, major, "access[0]", facts);
  return found.map(({ path, message, severity }) => `${severity} ${path.replace("access[0]", "")}: ${message}`);
}

const methodsAt = (major: Major) =>
  [
    "trust, reject, md5, password",
    ...(["9.3", "9.6"].includes(major) || major === "9.0" ? [] : ["scram-sha-256"]),
    "ident",
    ...(major === "9.0" ? [] : ["peer"]),
    "gss, sspi",
    ...(["9.0", "9.3"].includes(major) ? ["krb5"] : []),
    "ldap, radius, cert, pam",
    ...(["9.0", "9.3"].includes(major) ? [] : ["bsd"]),
    ...(major === "18" ? ["oauth"] : []),
  ].join(", ");

describe("refusals, with exact messages", () => {
  test.each<[string, Major, string]>([
    [
      "host all all 10.0.0.0/33 md5",
      "15",
      '.address: "10.0.0.0/33": "33" is no prefix length of an IPv4 address; allowed: 0 to 32',
    ],
    [
      "host all all ::1/129 md5",
      "15",
      '.address: "::1/129": "129" is no prefix length of an IPv6 address; allowed: 0 to 128',
    ],
    ["host all all db.example.org/32 md5", "15", '.address: "db.example.org/32": a host name has no prefix length'],
    ["host all all 10.0.0/8 md5", "15", '.address: "10.0.0/8": is no IP address'],
    ["host all all 10.0.0.300 md5", "15", '.address: "10.0.0.300" is no IP address'],
    [
      "host all all 10.0.0.1 md5",
      "15",
      '.address: "10.0.0.1" needs a prefix length (10.0.0.1/32 for this one host) or a mask',
    ],
    ["host all all 10.0.0.1 ffff:: md5", "15", '.address: "10.0.0.1" and the mask "ffff::" are not of one family'],
    ["host all all 10.0.0.1 255.0.256.0 md5", "15", '.address: "255.0.256.0" is no network mask'],
    ["host all all 10.0.0.1 255.0.255.0 md5", "15", '.address: "255.0.255.0" is no network mask'],
    [
      "host all all fe80::1%eth0/64 md5",
      "15",
      '.address: "fe80::1%eth0/64": write the address without its zone, which is never compared',
    ],
    ["host all all -x md5", "15", '.address: "-x" is neither an address nor a host name'],
    [
      "host all all db.example.org md5",
      "9.0",
      '.address: "db.example.org": host names come with 9.1; map the name to an address under hosts:',
    ],
    ["host all all all md5", "9.0", '.address: "all": "all" as an address comes with 9.1; write 0.0.0.0/0'],
    ["host all all 10.0.0.1/8 krb5", "9.6", `.method: krb5 ended with 9.3; allowed at 9.6: ${methodsAt("9.6")}`],
    [
      "host all all 10.0.0.1/8 scram-sha-256",
      "9.6",
      `.method: scram-sha-256 comes with 10; allowed at 9.6: ${methodsAt("9.6")}`,
    ],
    ["local all all peer", "9.0", `.method: peer comes with 9.1; allowed at 9.0: ${methodsAt("9.0")}`],
    [
      "host all all 10.0.0.1/8 scram-sha256",
      "15",
      `.method: "scram-sha256" is no authentication method; allowed at 15: ${methodsAt("15")} (did you mean scram-sha-256?)`,
    ],
    [
      "host all all 10.0.0.1/8 oaut",
      "15",
      `.method: "oaut" is no authentication method; allowed at 15: ${methodsAt("15")} (did you mean oauth, which comes with 18?)`,
    ],
    ["host all all 10.0.0.1/8 peer", "15", ".method: peer does not work on host connections; it works on local"],
    [
      "local all all gss",
      "11",
      ".method: gss does not work on local connections; it works on host, hostssl, hostnossl",
    ],
    ["host all all 10.0.0.1/8 cert", "15", ".method: cert does not work on host connections; it works on hostssl"],
    [
      "hostgssenc all all 10.0.0.1/8 gss",
      "11",
      ".type: hostgssenc comes with 12; allowed at 11: local, host, hostssl, hostnossl",
    ],
    [
      "hostsll all all 10.0.0.1/8 md5",
      "11",
      '.type: "hostsll" is no connection type; allowed at 11: local, host, hostssl, hostnossl (did you mean hostssl?)',
    ],
    ["host all all 10.0.0.1/8 radius radiusserver=a radiussecret=b", "9.6", ""],
    ["host all all 10.0.0.1/8 radius radiusservers=a radiussecrets=b", "10", ""],
    ["host all all 10.0.0.1/8 radius radiusservers=a", "10", ".options: radius needs radiussecrets"],
    [
      "host all all 10.0.0.1/8 radius radiusservers=a radiussecrets=b radiusports=x",
      "10",
      '.options: radiusports: "x" will not do; allowed: 1 to 65535, or a list of such numbers',
    ],
    [
      'host all all 10.0.0.1/8 radius radiusservers=a radiussecrets="b,c"',
      "10",
      ".options: radiussecrets has 2 elements for 1 servers",
    ],
    [
      "host all all 10.0.0.1/8 md5 map=m",
      "15",
      ".options: map does not belong to md5; it belongs to ident, peer, krb5, gss, sspi, cert, oauth",
    ],
    [
      "host all all 10.0.0.1/8 ident clientcert=verify-ca",
      "15",
      ".options: clientcert does not work on host connections; it works on hostssl",
    ],
    ["hostssl all all 10.0.0.1/8 cert clientname=cn", "15", '.options: clientname: "cn" will not do; allowed: CN, DN'],
    ["local all all ident mapp=m", "15", '.options: "mapp" is no option; allowed: map (did you mean map?)'],
    ["local all all/x,/[a- peer", "15", ""],
    ["host all all 10.0.0.1/8 oauth issuer=i", "18", ".options: oauth needs scope"],
    ["local /( all peer", "16", '.database: "/(" is no regular expression: unterminated group'],
    ["local /a{256} all peer", "16", '.database: "/a{256}" is no regular expression: a bound is 255 at most'],
    [
      "local /[[:alfa:]] all peer",
      "16",
      '.database: "/[[:alfa:]]" is no regular expression: there is no class [:alfa:]',
    ],
    [
      'local "/a" all peer',
      "16",
      '.database: "/a" is a regular expression from 16 on, in quotes too: write one that matches this name alone',
    ],
    ['local all "+a" ident', "9.1", '.user: "+a" means the members of a until 9.1, in quotes too: rename the role'],
    ['local "" all peer', "15", ".database: is an empty name"],
  ])("%s at %s", (line, major, message) => {
    expect(said(line, major).filter((one) => !one.startsWith("warning"))).toEqual(
      message === "" ? [] : [`error ${message}`],
    );
  });

  test("the radius options changed their names with 10", () => {
    expect(said("hostssl all all 10.0.0.1/8 radius radiusserver=a radiussecret=b", "10")).toEqual([
      "error .options: radiusserver ended with 9.6",
      "error .options: radiussecret ended with 9.6",
      "error .options: radius needs radiusservers",
      "error .options: radius needs radiussecrets",
    ]);
    expect(said("hostssl all all 10.0.0.1/8 radius radiusservers=a radiussecrets=b", "9.6")).toEqual([
      "error .options: radiusservers comes with 10",
      "error .options: radiussecrets comes with 10",
      "error .options: radius needs radiusserver",
      "error .options: radius needs radiussecret",
    ]);
  });

  test("several problems of one rule are reported together", () => {
    expect(said("hostgssenc /a /b 10.0.0.0/33 scram-sha-256 map=m", "9.6")).toEqual([
      "error .type: hostgssenc comes with 12; allowed at 9.6: local, host, hostssl, hostnossl",
      'warning .database: "/a" is a regular expression from 16 on; at 9.6 it is a name, and never matches',
      'warning .user: "/b" is a regular expression from 16 on; at 9.6 it is a name, and never matches',
      'error .address: "10.0.0.0/33": "33" is no prefix length of an IPv4 address; allowed: 0 to 32',
      `error .method: scram-sha-256 comes with 10; allowed at 9.6: ${methodsAt("9.6")}`,
      "error .options: map does not belong to scram-sha-256; it belongs to ident, peer, krb5, gss, sspi, cert, oauth",
    ]);
  });

  test("until 10 a word or a line may be too long to be read", () => {
    const word = `local ${"a".repeat(255)} all peer`;
    expect(said(word, "10")).toContain("error : has a name or option of more than the 254 bytes that 10 reads");
    expect(said(word, "11").filter((one) => one.startsWith("error"))).toEqual([]);
    const line = `local ${Array(2100).fill("abc").join(",")} all peer`;
    expect(said(line, "9.6")).toEqual(["error : has 8417 bytes; 9.6 reads lines of 8189"]);
    expect(said(line, "11")).toEqual([]);
  });

  test("a rule without a database, with an address on local, or with a name that no file can hold is refused, not thrown", () => {
    const rule = {
      type: "local",
      databases: [],
      users: [{ text: "a\nb", literal: false }],
      method: "peer",
      options: [],
    };
    const found = validateHba({ ...rule, address: "10.0.0.0/8", options: [{ name: "map", value: "\n" }] }, "9.6", "x");
    expect(found.map(({ path, message }) => `${path}: ${message}`)).toEqual([
      "x.database: names nothing; allowed: a name, several, or all",
      'x.user: "a\\nb" has a line break or NUL in it, which pg_hba.conf cannot hold',
      "x.address: a local rule has no address",
      "x.options: map has a line break or NUL in it, which pg_hba.conf cannot hold",
    ]);
  });
});

describe("warnings, and what depends on the server", () => {
  test("trust over TCP is let pass with a warning, local trust without", () => {
    expect(said("host all all 10.0.0.0/8 trust", "15")).toEqual([
      "warning .method: trust lets anyone at that address in as anyone, without a password",
    ]);
    expect(said("local all all trust", "15")).toEqual([]);
  });

  test.each([
    ["password", "password"],
    ["ldap ldapserver=l ldapprefix=p", "password"],
    ["pam", "password"],
    ["radius radiusservers=r radiussecrets=s", "password"],
    ["bsd", "password"],
    ["oauth issuer=i scope=s", "token"],
  ])("%s without encryption sends what lets a client in as it is, and is let pass with a warning", (rest, what) => {
    const method = rest.split(" ")[0];
    const warned = (type: string) => [
      `warning .method: ${method} has clients send the ${what} as it is, and ${type} lets them do so without encryption: make it hostssl (docs/tls.md)`,
    ];
    for (const type of ["host", "hostnossl", "hostnogssenc"]) {
      expect(said(`${type} all all 10.0.0.0/8 ${rest}`, "18")).toEqual(warned(type));
      // A network that has more in it than this machine.
      for (const address of ["127.0.0.0/7", "0.0.0.0/0", "::/0", "samenet", "127.0.0.1 0.0.0.0", "localhost"]) {
        expect(said(`${type} all all ${address} ${rest}`, "18"), address).toEqual(warned(type));
      }
      for (const address of ["127.0.0.1/32", "127.0.0.0/8", "::1/128", "127.0.0.1 255.0.0.0", "samehost"]) {
        expect(said(`${type} all all ${address} ${rest}`, "18"), address).toEqual([]);
      }
    }
    for (const type of ["hostssl", "hostgssenc"]) expect(said(`${type} all all 10.0.0.0/8 ${rest}`, "18")).toEqual([]);
    expect(said(`local all all ${rest}`, "18")).toEqual([]);
  });

  test("what proves a password without sending it says nothing, and ident over TCP is believed with a warning", () => {
    for (const method of ["md5", "scram-sha-256", "gss", "reject"]) {
      expect(said(`host all all 10.0.0.0/8 ${method}`, "18"), method).toEqual([]);
    }
    expect(said("host all all 10.0.0.0/8 ident", "15")).toEqual([
      "warning .method: ident believes what the machine at that address says of its users, without a password",
    ]);
    expect([...said("host all all 127.0.0.1/32 ident", "15"), ...said("local all all ident", "9.0")]).toEqual([]);
  });

  test("a name of more than 63 bytes never matches", () => {
    const name = "é".repeat(32);
    expect(said(`local ${name},@${name} +${"a".repeat(63)} peer`, "15")).toEqual([
      `warning .database: "${name}" has 64 bytes; a name has 63 at most, so that it never matches`,
    ]);
  });

  test("hostssl without ssl never matches, and is refused until 9.6", () => {
    const line = "hostssl all all 10.0.0.0/8 md5";
    expect(said(line, "10", { sslOn: false })).toEqual([
      "warning .type: hostssl never matches while ssl is off: set ssl: true",
    ]);
    expect(said(line, "9.6", { sslOn: false })).toEqual([
      "error .type: 9.6 refuses hostssl while ssl is off: set ssl: true",
    ]);
    expect([...said(line, "9.6", { sslOn: true }), ...said(line, "9.6")]).toEqual([]);
  });

  test("oauth needs a validator", () => {
    const line = "hostssl all all 10.0.0.0/8 oauth issuer=i scope=s";
    expect(said(line, "18", { oauthValidators: [] })).toEqual([
      "error .method: oauth needs a validator: set oauth_validator_libraries",
    ]);
    expect([...said(line, "18"), ...said(line, "18", { oauthValidators: ["v"] })]).toEqual([]);
    expect(said(`${line} validator=w`, "18", { oauthValidators: ["v", "u"] })).toEqual([
      'error .method: validator: "w" will not do; allowed: v, u (oauth_validator_libraries)',
    ]);
    expect(said(line, "18", { oauthValidators: ["v", "u"] })).toEqual([
      "error .method: oauth needs the option validator; allowed: v, u (oauth_validator_libraries)",
    ]);
  });

  test.each([
    "host all all samehost md5",
    "host all all samenet md5",
    "host all all 10.0.0.1 255.0.0.0 md5",
    "host all all 10.0.0.1/8 md5",
    "host @names +role 10.0.0.0/8 md5",
    "host sameuser,samerole,samegroup,replication all ::1/128 reject",
    "hostssl all all 10.0.0.0/8 cert",
    "host all all 127.0.0.1/32 ident map=m",
  ])("every version takes %s", (line) => {
    for (const major of majors) expect(said(line, major)).toEqual([]);
  });

  test("nothing is thrown, whatever the rule", () => {
    fc.assert(
      fc.property(candidateRule, fc.constantFrom(...majors), (rule, major) => void validateHba(rule, major, "x")),
    );
  });
});
