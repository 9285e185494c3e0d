import { describe, expect, it } from "vitest";
import { asksOf, parseHba } from "../../../postgres/files/hba/index.js";
import { insistence, isCredulous } from "../../../postgres/files/insistence.js";

const asks = (text: string, more: Partial<Parameters<typeof asksOf>[1]> = {}) =>
  asksOf(
    parseHba(text).entries.flatMap(({ rule }) => rule ?? []),
    { user: "dbadmin", replicates: false, to: "192.0.2.2", ...more },
  );

describe("how a server may ask whoever logs in", () => {
  it.each([
    ["host all all 0.0.0.0/0 scram-sha-256", ["scram-sha-256"]],
    ["host all all 0.0.0.0/0 md5", ["scram-sha-256", "md5"]],
    ["host all dbadmin 192.0.2.0/24 ldap ldapserver=l", ["password"]],
    ["host all all all trust", ["none"]],
    ["host all all 192.0.2.0/24 md5\nhost all all 0.0.0.0/0 trust", ["scram-sha-256", "md5", "none"]],
  ])("is what its rules say: %s", (text, expected) => expect(asks(text)).toEqual(expected));

  it.each([
    ["for another role", "host all app 0.0.0.0/0 trust"],
    ["for replication", "host replication all 0.0.0.0/0 trust"],
    ["over a socket", "local all all trust"],
    ["of its own machine", "host all all 127.0.0.1/32 trust"],
    ["for another family", "host all all ::/0 trust"],
    ["that rejects", "host all all 0.0.0.0/0 reject"],
    [
      "that comes after one which takes everybody",
      "host all all 0.0.0.0/0 scram-sha-256\nhost all all 192.0.2.0/24 trust",
    ],
  ])("is nothing by a rule %s", (_what, text) => expect(asks(text)).not.toContain("none"));

  it("is what the rules for its address say, where that is known", () => {
    const rules =
      "host all all 198.51.100.0 255.255.255.0 trust\nhost all all 0.0.0.0/0 md5\nhost all all ::/0 password";
    expect(asks(rules, { from: "198.51.100.7" })).toEqual(["none"]);
    expect(asks(rules, { from: "198.51.101.7" })).toEqual(["scram-sha-256", "md5"]);
    expect(asks(rules, { from: "2001:db8::1", to: "2001:db8::2" })).toEqual(["password"]);
    expect(asks(`host all all 198.51.100.7/32 reject\n${rules}`, { from: "198.51.100.7" })).toEqual([]);
    expect(asks(`host all all samenet trust\n${rules}`, { from: "198.51.101.7" })).toContain("none");
  });

  it("is also what rules say of which nobody knows whom they take", () => {
    for (const user of ["+admins", "@names", "/^db"])
      expect(asks(`host all ${user} 0.0.0.0/0 trust`)).toEqual(["none"]);
    expect(asks("host orders all samenet trust")).toEqual(["none"]);
  });

  it("is what the first rule says that takes whoever comes to a loopback address", () => {
    const rules = "host all dbadmin 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.0/8 trust";
    expect(asks(rules, { to: "127.0.0.9" })).toEqual(["scram-sha-256"]);
    expect(asks(rules, { to: "127.0.0.9", user: "app" })).toEqual(["none"]);
  });

  it("is another with TLS and without", () => {
    const rules = "hostssl all all 0.0.0.0/0 scram-sha-256\nhostnossl all all 0.0.0.0/0 trust";
    expect(asks(rules, { encrypted: true })).toEqual(["scram-sha-256"]);
    expect(asks(rules, { encrypted: false })).toEqual(["none"]);
    expect(asks(rules)).toEqual(["scram-sha-256", "none"]);
  });

  it("is another for whoever replicates", () => {
    const rules = 'host "replication" all 0.0.0.0/0 trust\nhost replication all 0.0.0.0/0 md5';
    expect(asks(rules, { replicates: true })).toEqual(["scram-sha-256", "md5"]);
    expect(asks(rules)).toEqual(["none"]);
  });
});

describe("what libpq insists on", () => {
  const scram = ["scram-sha-256"] as const;
  it.each([
    ["12", true, scram, {}],
    ["13", true, scram, { channel_binding: "require" }],
    ["15", false, scram, {}],
    ["16", false, scram, { require_auth: "scram-sha-256" }],
    ["16", true, scram, { channel_binding: "require", require_auth: "scram-sha-256" }],
    ["16", true, ["scram-sha-256", "md5"] as const, { require_auth: "scram-sha-256,md5" }],
  ] as const)("at %s (verified: %s) by %s", (version, verified, asked, expected) => {
    expect(insistence(version, { verified, asks: asked })).toEqual(expected);
  });

  it("is too little before 16 without TLS", () => {
    expect(isCredulous("15", { verified: false })).toBe(true);
    expect(isCredulous("15", { verified: true })).toBe(false);
    expect(isCredulous("16", { verified: false })).toBe(false);
  });
});
