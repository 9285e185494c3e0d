import { describe, expect, it } from "vitest";
import { asLine } from "../../../servers/status/refused.js";

describe("what a server finds wrong in its files", () => {
  it("is said by file and line", () => {
    expect(asLine({ file: "/data/pg_hba.conf", line: "7", error: "no such method" })).toBe(
      "pg_hba.conf line 7: no such method",
    );
  });

  it("is said of the whole file where the server cannot open it, and so has neither to tell", () => {
    const error = 'could not open file "/data/postgresql.conf"';
    expect(asLine({ file: null, line: null, error })).toBe(`postgresql.conf: ${error}`);
  });
});
