import { afterEach, describe, expect, it } from "vitest";
import { notMade, type TlsDemand } from "../../../config/site.js";
import { makeAuthority, makeCertificate } from "../../../postgres/certificates/make.js";
import type { Asks } from "../../../postgres/files/hba/index.js";
import { type Address, openSession, SqlUnreachable } from "../../../servers/sql/session.js";
import { Impostor, type Trick } from "../../support/impostor.js";

const password = "the pass phrase";
const address = "127.0.216.2";
const now = new Date();
const authority = await makeAuthority({ name: "ours", validityDays: 10, now });
const tls = await makeCertificate({ authority, name: "server2", address, validityDays: 5, kind: "ec", now });

let impostor: Impostor | undefined;
afterEach(async () => {
  await impostor?.close();
  impostor = undefined;
});

/** What becomes of a session with an impostor: why there is none, or `believed`. */
async function meet(
  trick: Trick,
  demand: TlsDemand | "none" = "none",
  asks: readonly Asks[] = ["scram-sha-256"],
  own?: typeof tls,
): Promise<string> {
  const port = 5442;
  impostor = await Impostor.listen({ address, port, trick, ...(own === undefined ? {} : { tls: own }) });
  const at: Address = { name: "server2", address, port, proof: { tls: demand, asks } };
  try {
    await (await openSession(at, { user: "postgres", password }, { timeout: 2000 })).end();
    return "believed";
  } catch (error) {
    if (!(error instanceof SqlUnreachable)) throw error;
    return `${error.kind}: ${error.message.replace(/^server2 \(127\.0\.216\.2:5442\) /, "")}`;
  }
}

const required = { authority: authority.certificate, required: true };
const offered = { authority: authority.certificate, required: false };
const tricks = ["clear", "md5", "nothing", "ready", "half", "forged", "endless"] as const;

const refusedByPg: Readonly<Record<string, RegExp>> = {
  forged: /^other: gives no session: .*server signature does not match/,
  endless: /^other: gives no session: .*iteration count 2147483647 exceeds scramMaxIterations of 1000000/,
};

describe("a session where somebody else listens", () => {
  it.each(tricks)("is none, and gives nothing away, where SCRAM is declared and it tries %s", async (trick) => {
    const said = await meet(trick);
    expect(said).toMatch(refusedByPg[trick] ?? /^unproven: /);
    expect(impostor).toMatchObject({ plainStartups: 1, passwords: [], queries: [] });
    expect(impostor?.heard(password)).toBe(false);
  });

  it.each(tricks)(
    "is none, and nothing is said at all, where TLS is required and it offers none (%s)",
    async (trick) => {
      expect(await meet(trick, required)).toMatch(/^tls: offers no TLS, and nothing is said to it in clear/);
      expect(impostor).toMatchObject({ sslRequests: 1, plainStartups: 0, passwords: [] });
    },
  );

  it("is plain where TLS is only offered and it has none, and gives nothing away then either", async () => {
    for (const trick of tricks) {
      await meet(trick, offered, ["scram-sha-256", "password"]);
      expect(impostor).toMatchObject({ plainStartups: 1, passwords: [], queries: [] });
      await impostor?.close();
    }
  });

  it("says what was asked, what is declared, and what to do", async () => {
    expect(await meet("clear")).toBe(
      "unproven: asks for the password in clear, and gets none: its declared rules ask by scram-sha-256. Another server answers there, or its pg_hba.conf or the role's verifier is not as declared",
    );
    await impostor?.close();
    expect(await meet("clear", "none", ["scram-sha-256", "password"])).toBe(
      "unproven: asks for the password in clear, and gets none: its rules (password, ldap, pam, radius, bsd) are answered within TLS alone; declare tls, or another method for pgsite",
    );
    await impostor?.close();
    expect(await meet("half")).toBe(
      "unproven: breaks off the proof of who it is, and is not believed: it is no PostgreSQL server",
    );
  });

  it("comes about by md5, and without any proof, where that is declared", async () => {
    expect(await meet("md5", "none", ["scram-sha-256", "md5"])).toBe("believed");
    expect(impostor?.passwords).toEqual([expect.stringMatching(/^md5[0-9a-f]{32}$/)]);
    await impostor?.close();
    expect(await meet("nothing", "none", ["none"])).toBe("believed");
  });

  it("gives a password in clear to a server that has proved itself by TLS, and where that is declared, alone", async () => {
    expect(await meet("clear", required, ["password"], tls)).toBe("believed");
    expect(impostor).toMatchObject({ plainStartups: 0, tlsStartups: 1, passwords: [password] });
    await impostor?.close();
    expect(await meet("clear", required, ["scram-sha-256"], tls)).toMatch(/^unproven: /);
    expect(impostor).toMatchObject({ plainStartups: 0, tlsStartups: 1, passwords: [] });
  });

  it("is not asked for while nobody knows what the server must prove: before the first up, and with an older pgsite's state", async () => {
    impostor = await Impostor.listen({ address, port: 5442, trick: "nothing" });
    const open = (proof: unknown) =>
      openSession({ name: "server2", address, port: 5442, proof } as Address, { user: "postgres", password });
    await expect(open({ tls: { authority: notMade, required: true }, asks: [] })).rejects.toThrow(
      "server2 (127.0.216.2:5442) is not asked: its certificate's authority is made by the first pulumi up",
    );
    await expect(open(undefined)).rejects.toThrow(
      "server2 (127.0.216.2:5442) is not asked: what it must prove is recorded by the next pulumi up",
    );
    expect(impostor).toMatchObject({ sslRequests: 0, plainStartups: 0 });
  });
});
