import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { matchesVerifier, md5Verifier, scramVerifier, verifierFor } from "../../../postgres/verifier.js";

describe("verifiers", () => {
  test("SCRAM-SHA-256 as a server computes it from the same salt", () => {
    // RFC 7677's example: user "user", password "pencil".
    const salt = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");
    expect(scramVerifier("pencil", { salt })).toBe(
      "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
    );
  });

  test("md5 is of the password and the role's name", () => {
    expect(md5Verifier("secret", "dbadmin")).toBe("md524488bbde43dc4e0914741c3bd33bda2");
  });

  test("is md5 before 10, and SCRAM from 10 on, salted anew each time", () => {
    expect(verifierFor("9.6", "r", "p")).toBe(md5Verifier("p", "r"));
    expect(verifierFor("10", "r", "p")).toMatch(
      /^SCRAM-SHA-256\$4096:[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$/,
    );
    expect(verifierFor("10", "r", "p")).not.toBe(verifierFor("10", "r", "p"));
  });

  test.each([
    ["cafe\u0301", "caf\u00e9", true],
    ["\ufb01", "fi", true],
    ["a\u00a0b", "a b", true],
    ["a\u00adb", "ab", true],
    // What SASLprep refuses is taken as it is: a letter of a newer Unicode, both directions, nothing left.
    ["\u{1f600}e\u0301", "\u{1f600}\u00e9", false],
    ["a\u05d0\ufb01", "a\u05d0fi", false],
    ["\u00ad", "", false],
  ])("%j is the same password as %j: %s", (one, other, same) => {
    expect(matchesVerifier(scramVerifier(one), other, "r")).toBe(same);
    expect(matchesVerifier(scramVerifier(one), one, "r")).toBe(true);
  });

  test("any password matches its own verifiers and no other's, with any number of rounds", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        fc.string(),
        fc.integer({ min: 1, max: 3 }),
        (password, role, iterations) => {
          const verifier = scramVerifier(password, { iterations });
          expect(matchesVerifier(verifier, password, role)).toBe(true);
          expect(matchesVerifier(verifier, `${password}x`, role)).toBe(false);
          expect(matchesVerifier(md5Verifier(password, role), password, role)).toBe(true);
          expect(matchesVerifier(md5Verifier(password, role), password, `${role}x`)).toBe(false);
        },
      ),
      { numRuns: 100 },
    );
  });

  test.each(["", "p", "é".repeat(35), "SCRAM-SHA-256$0:AAAA$x:y", "SCRAM-SHA-256$4096:AAAA", `md5${"0".repeat(32)}`])(
    "%j matches no password, and nothing is thrown",
    (verifier) => expect(matchesVerifier(verifier, "p", "r")).toBe(false),
  );
});
