import { describe, expect, it } from "vitest";
import { type Admission, admits, parseHba, renderHbaLine } from "../../../postgres/files/hba/index.js";

type Comer = Parameters<typeof admits>[1];

const over = (text: string, more: Partial<Comer> = {}, means: Parameters<typeof admits>[2] = {}): string => {
  const rules = parseHba(text).entries.flatMap(({ rule }) => rule ?? []);
  const comer = { user: "dbadmin", replicates: false, database: "postgres", to: "192.0.2.2", ...more };
  return shown(admits(rules, comer, means));
};

function shown(found: Admission): string {
  if (found.lets !== "no") return found.lets;
  return found.rule === undefined ? "no" : `no: ${renderHbaLine(found.rule).replaceAll(/ +/g, " ")}`;
}

describe("whether rules let somebody in", () => {
  const from = "198.51.100.7";

  it.each([
    ["host all dbadmin 198.51.100.7/32 scram-sha-256", "yes"],
    ["host all dbadmin 198.51.100.8/32 scram-sha-256", "no"],
    ["host all all 198.51.100.0 255.255.255.0 md5", "yes"],
    ["host all all ::/0 md5", "no"],
    ["host all all all md5", "yes"],
    ["host all all samehost md5", "perhaps"],
    ["host all all db.example.org md5", "perhaps"],
    ["host all all 0.0.0.0/0 reject\nhost all dbadmin 0.0.0.0/0 md5", "no: host all all 0.0.0.0/0 reject"],
    ["host all +admins 0.0.0.0/0 reject\nhost all dbadmin 0.0.0.0/0 md5", "perhaps"],
    ["host all +admins 0.0.0.0/0 reject", "no: host all +admins 0.0.0.0/0 reject"],
    ["host all dbadmin 0.0.0.0/0 cert", "no: host all dbadmin 0.0.0.0/0 cert"],
    ["host all dbadmin 0.0.0.0/0 ldap ldapserver=l ldapbasedn=d", "perhaps"],
    [
      "hostssl all dbadmin 0.0.0.0/0 trust clientcert=verify-full",
      "no: hostssl all dbadmin 0.0.0.0/0 trust clientcert=verify-full",
    ],
    ["host orders all 0.0.0.0/0 trust", "no"],
    ["host sameuser all 0.0.0.0/0 trust", "no"],
    ["host replication all 0.0.0.0/0 trust", "no"],
    ['host "postgres" "dbadmin" 0.0.0.0/0 trust', "yes"],
    ["local all all trust", "no"],
  ])("from an address that is known: %s", (text, expected) => expect(over(text, { from })).toBe(expected));

  it.each([
    ["host all dbadmin 198.51.100.7/32 scram-sha-256", "perhaps"],
    ["host all dbadmin 0.0.0.0/0 scram-sha-256", "yes"],
    ["host all dbadmin 127.0.0.1/32 scram-sha-256", "no"],
    ["host all dbadmin 198.51.100.7/32 reject", "no: host all dbadmin 198.51.100.7/32 reject"],
  ])("from anywhere else than the server's own host: %s", (text, expected) => expect(over(text)).toBe(expected));

  it("is also said by TLS, and by the form in which a password is kept", () => {
    const clear = "host all all 0.0.0.0/0 password";
    expect(over(clear, { from, encrypted: false })).toBe("no: host all all 0.0.0.0/0 password");
    expect(over(clear, { from, encrypted: true })).toBe("yes");
    expect(over("hostssl all all 0.0.0.0/0 md5", { from, encrypted: false })).toBe("no");
    const scram = "host all all 0.0.0.0/0 scram-sha-256";
    expect(over(scram, { from }, { keptAs: "md5" })).toBe("no: host all all 0.0.0.0/0 scram-sha-256");
    expect(over("host all all 0.0.0.0/0 md5", { from }, { keptAs: "scram-sha-256" })).toBe("yes");
  });

  it("is said by who one is on the host, by a Unix socket", () => {
    const by = (text: string, osUser = "postgres") =>
      over(text, { user: "postgres", to: "", socket: true }, { osUser });
    expect(by("local all postgres peer")).toBe("yes");
    expect(by("local all postgres peer", "enstore")).toBe("no: local all postgres peer");
    expect(by("local all postgres peer map=admins", "enstore")).toBe("perhaps");
    expect(by("host all all 0.0.0.0/0 trust")).toBe("no");
  });
});
