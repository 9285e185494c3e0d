import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import {
  certificatesIn,
  foundCertificate,
  isKept,
  judge,
  judgeAuthority,
  validityOf,
} from "../../../postgres/certificates/judge.js";
import { type KeyPair, makeAuthority, makeCertificate } from "../../../postgres/certificates/make.js";
import type { Major } from "../../../postgres/versions.js";
import { shownDifference } from "../../../servers/words/differences.js";

const now = new Date("2026-11-21T12:00:00Z");
const inDays = (days: number) => new Date(now.getTime() + days * 86_400_000);
const address = "192.0.2.11";

let authority: KeyPair;
let own: KeyPair;

const make = (more: Partial<Parameters<typeof makeCertificate>[0]> = {}) =>
  makeCertificate({ authority, name: "db1", address, validityDays: 365, kind: "ec", now, ...more });

beforeAll(async () => {
  authority = await makeAuthority({ name: "orders", validityDays: 7300, now });
  own = await make();
});

const about = (version: Major = "15") => ({ authority: authority.certificate, server: "db1", address, version });
const faults = (pair: Partial<KeyPair>, more: object = {}, at = now) =>
  judge({ ...about(), ...own, ...pair, ...more }, at).map(({ about, message }) => `${about} ${message}`);

describe("a made certificate", () => {
  it.each(["9.0", "9.4", "9.5", "10", "14", "15", "18"] as const)("is good for libpq %s and for pgsite", (version) => {
    expect(judge({ ...about(version), ...own }, now)).toEqual([]);
  });

  it("names the address in every way that some version looks at, and is for a server alone", () => {
    const [certificate] = certificatesIn(own.certificate);
    expect(certificate?.subject).toBe("CN=192.0.2.11");
    expect(certificate?.subjectAltName).toBe("DNS:192.0.2.11, DNS:db1, IP Address:192.0.2.11");
    expect(certificate?.ca).toBe(false);
    expect(certificate?.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
    expect(certificatesIn(authority.certificate)[0]?.ca).toBe(true);
  });

  it.each([
    ["2001:db8::11", "15"],
    ["db1.example.org", "9.0"],
  ] as const)("is good for %s at %s", async (other, version) => {
    const pair = await make({ address: other });
    expect(judge({ ...about(version), ...pair, address: other }, now)).toEqual([]);
  });

  it("has an RSA key where the version offers no curve", async () => {
    const pair = await make({ kind: "rsa" });
    expect(createPrivateKey(pair.key).asymmetricKeyType).toBe("rsa");
    expect(judge({ ...about("9.0"), ...pair }, now)).toEqual([]);
  });

  it("is valid for as long as was said, and no longer than its authority", async () => {
    const to = async (validityDays: number) => {
      const [certificate] = certificatesIn((await make({ validityDays })).certificate);
      return certificate === undefined ? undefined : validityOf(certificate).to;
    };
    expect(await to(90)).toEqual(inDays(90));
    expect(await to(8000)).toEqual(inDays(7300));
  });

  it("stays until its renewal is due, and until what it was made for changes", () => {
    const validity = { validityDays: 365, renewBeforeDays: 30 };
    const kept = (at: Date, more: object = {}, days = validity) => isKept(own, { ...about(), ...more }, days, at);
    expect(kept(now)).toBe(true);
    expect(kept(inDays(334))).toBe(true);
    expect(kept(inDays(335))).toBe(false);
    expect(kept(inDays(400))).toBe(false);
    expect(kept(now, { address: "192.0.2.12" })).toBe(false);
    expect(kept(now, {}, { validityDays: 90, renewBeforeDays: 30 })).toBe(false);
    expect(isKept({ ...own, key: "" }, about(), validity, now)).toBe(false);
  });

  it("is described by its end", () => {
    const said = (pem: string, at: Date) => {
      const there = foundCertificate(pem, at);
      return shownDifference({ object: { kind: "certificate" }, there, consequence: "reload" }).there;
    };
    expect(said(own.certificate, now)).toBe("valid until 2027-11-21");
    expect(said(own.certificate, inDays(400))).toBe("one that ended on 2027-11-21");
    expect(said("", now)).toBe("missing");
    expect(said("hello", now)).toBe("no certificate");
  });
});

describe("a certificate that would be refused", () => {
  it("has each of its faults said, all at once", async () => {
    const other = await makeAuthority({ name: "another", validityDays: 10, now });
    const pair = await make({ authority: other, address: "192.0.2.99", now: inDays(-20), validityDays: 5 });
    expect(faults({ ...pair, key: own.key })).toEqual([
      "certificate ended on 2026-11-06: have a new one signed",
      "certificate was signed by CN=another, which tls.authority does not hold: add that authority, or have it signed by the one there",
      "certificate does not name 192.0.2.11, the address of db1 (it names DNS:192.0.2.99, DNS:db1, IP Address:192.0.2.99): have it signed with subjectAltName=IP:192.0.2.11",
      "key does not fit the certificate: give the key that it was made for",
    ]);
  });

  it("is not valid yet, where the clock says so", () => {
    expect(faults({}, {}, inDays(-1))).toEqual([
      "certificate is not valid before 2026-11-21: wait until then, or correct the clock",
    ]);
  });

  it("lacks what libpq of that version looks at: a DNS name that is an address, or the common name", async () => {
    const pair = await make({ address: "db1.example.org" });
    const wants = (version: Major) => faults(pair, { version })[0]?.replace(/^.*signed with /, "");
    expect(wants("15")).toBe("subjectAltName=IP:192.0.2.11");
    expect(wants("14")).toBe(
      "subjectAltName=IP:192.0.2.11,DNS:192.0.2.11 (libpq before 15 compares addresses with DNS names)",
    );
    expect(wants("9.4")).toBe("CN=192.0.2.11 (libpq before 9.5 looks at nothing else)");
  });

  it("is no certificate, or has no key that a server could read; what was given is never quoted", () => {
    const { privateKey } = generateKeyPairSync("ec", {
      namedCurve: "P-256",
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" },
    });
    expect(faults({ certificate: own.key, key: privateKey })).toEqual([
      "certificate is no certificate in PEM (-----BEGIN CERTIFICATE-----): give the server's own first",
      "key is protected by a passphrase, which a server that starts by itself cannot give: take it off (openssl pkey)",
    ]);
    expect(faults({ key: "secret words" })).toEqual(["key is no private key in PEM (-----BEGIN PRIVATE KEY-----)"]);
  });

  it("comes with an authority that is none, or has ended", () => {
    const said = (pem: string, at = now) => judgeAuthority(pem, at).map(({ message }) => message);
    expect(said(authority.certificate)).toEqual([]);
    expect(said(own.certificate)).toEqual(["CN=192.0.2.11 is no authority's certificate (CA:TRUE is missing)"]);
    expect(said(authority.key)).toEqual([
      "is no certificate in PEM (-----BEGIN CERTIFICATE-----): give that of the authority, never its key",
    ]);
    expect(said(authority.certificate + authority.certificate, inDays(8000))).toHaveLength(2);
  });
});
