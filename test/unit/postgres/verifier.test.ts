import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mostIterations } from "../../../postgres/iterations.js";
import { compareVerifier, md5Verifier, scramVerifier, verifierFor } from "../../../postgres/verifier.js";

describe("verifiers", () => {
  test("SCRAM-SHA-256 as a server computes it from the same salt", async () => {
    // RFC 7677's example: user "user", password "pencil".
    const salt = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");
    expect(await scramVerifier("pencil", { salt })).toBe(
      "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
    );
  });

  test("md5 is of the password and the role's name", () => {
    expect(md5Verifier("secret", "dbadmin")).toBe("md524488bbde43dc4e0914741c3bd33bda2");
  });

  test("is md5 before 10, and SCRAM from 10 on, salted anew each time", async () => {
    expect(await verifierFor("9.6", "r", "p")).toBe(md5Verifier("p", "r"));
    expect(await verifierFor("10", "r", "p")).toMatch(
      /^SCRAM-SHA-256\$4096:[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$/,
    );
    expect(await verifierFor("10", "r", "p")).not.toBe(await verifierFor("10", "r", "p"));
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
  ])("%j is the same password as %j: %s", async (one, other, same) => {
    expect(await compareVerifier(await scramVerifier(one), other, "r")).toBe(same ? "same" : "another");
    expect(await compareVerifier(await scramVerifier(one), one, "r")).toBe("same");
  });

  test("any password matches its own verifiers and no other's, with any number of rounds", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: "binary" }),
        fc.string(),
        fc.integer({ min: 1, max: 3 }),
        async (password, role, iterations) => {
          const verifier = await scramVerifier(password, { iterations });
          expect(await compareVerifier(verifier, password, role)).toBe("same");
          expect(await compareVerifier(verifier, `${password}x`, role)).toBe("another");
          expect(await compareVerifier(md5Verifier(password, role), password, role)).toBe("same");
          expect(await compareVerifier(md5Verifier(password, role), password, `${role}x`)).toBe("another");
        },
      ),
      { numRuns: 100 },
    );
  });

  const keys = `${"A".repeat(43)}=:${"A".repeat(43)}=`;
  test.each([
    "",
    "p",
    "é".repeat(35),
    "SCRAM-SHA-256$0:AAAA$x:y",
    "SCRAM-SHA-256$-1:AAAA$x:y",
    "SCRAM-SHA-256$1e9:AAAA$x:y",
    "SCRAM-SHA-256$99999999999999999999:AAAA$x:y",
    "SCRAM-SHA-256$4096:AAAA",
    "SCRAM-SHA-256$4096:!!!!$x:y",
    `md5${"0".repeat(32)}`,
    // A salt of a megabyte is not computed with.
    `SCRAM-SHA-256$4096:${"AAAA".repeat(350_000)}$${keys}`,
  ])("%.40j matches no password, and nothing is thrown", async (verifier) =>
    expect(await compareVerifier(verifier, "p", "r")).toBe("another"),
  );

  test.each([mostIterations + 1, 999_999_999, 2_147_483_647])(
    "with %d iterations nobody computes it, and nobody says that it is another's",
    async (iterations) => {
      const began = performance.now();
      expect(await compareVerifier(`SCRAM-SHA-256$${iterations}:AAAA$${keys}`, "p", "r")).toBe("unknown");
      expect(performance.now() - began).toBeLessThan(100);
    },
  );

  test("with as many iterations as are computed, it holds nothing up", async () => {
    const salt = Buffer.from("0123456789abcdef");
    const verifier = await scramVerifier("p", { salt, iterations: mostIterations });
    const began = performance.now();
    const comparing = compareVerifier(verifier, "p", "r");
    await new Promise((resolve) => setTimeout(resolve, 1));
    const waited = performance.now() - began;
    expect(await comparing).toBe("same");
    expect(waited).toBeLessThan((performance.now() - began) / 2);
  });
});
