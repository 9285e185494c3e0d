import { describe, expect, it } from "vitest";
import { rowsIn } from "../../../servers/unlock/singleUser.js";

/** As PostgreSQL 15 printed it. */
const printed = `
PostgreSQL stand-alone backend 15.18
backend> \t 1: oid\t(typeid = 25, len = -1, typmod = -1, byval = f)
\t 2: name\t(typeid = 19, len = 64, typmod = -1, byval = f)
\t----
\t 1: oid = "10"\t(typeid = 25, len = -1, typmod = -1, byval = f)
\t 2: name = "a "strange" one = "1"\t(typeid = 19, len = 64, typmod = -1, byval = f)
\t----
\t 1: oid = "16384"\t(typeid = 25, len = -1, typmod = -1, byval = f)
\t----
backend> `;

describe("what single-user mode prints", () => {
  it("is read row by row, quotes in values and nulls too", () => {
    expect(rowsIn(printed)).toEqual([{ oid: "10", name: 'a "strange" one = "1' }, { oid: "16384" }]);
  });

  it("has no row where a statement returns none", () => {
    expect(rowsIn("\nPostgreSQL stand-alone backend 9.6.24\nbackend> backend> ")).toEqual([]);
  });
});
