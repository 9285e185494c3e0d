import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type PassfileLine, parsePassfile, renderPassfile } from "../../../postgres/files/passfile.js";

const line: PassfileLine = { host: "192.0.2.3", port: 5442, database: "replication", user: "dbadmin", password: "pw" };

describe("rendering a password file", () => {
  test("writes a line for each, colons and backslashes escaped", () => {
    expect(
      renderPassfile([line, { ...line, host: "::1", port: "*", database: "*", password: ` it's "a" \\b:c $d$ ` }]),
    ).toBe(["192.0.2.3:5442:replication:dbadmin:pw", `\\:\\:1:*:*:dbadmin: it's "a" \\\\b\\:c $d$ `, ""].join("\n"));
    expect(renderPassfile([])).toBe("");
  });

  test("a host that begins with # does not make its line a comment", () => {
    const text = renderPassfile([{ ...line, host: "#1" }]);
    expect(text).toBe("\\#1:5442:replication:dbadmin:pw\n");
    expect(parsePassfile(text)).toEqual([{ ...line, host: "#1" }]);
  });

  test.each(["host", "database", "user", "password"])(
    "a line break in the %s is refused without quoting it",
    (field) => {
      for (const end of ["\n", "\r", "\0"]) {
        expect(() => renderPassfile([{ ...line, [field]: `secret${end}` }])).toThrow(
          new Error(`the ${field} of a password file's line has a line break or NUL in it`),
        );
      }
    },
  );

  test("what is rendered parses back to the same", () => {
    const text = fc.string({ unit: "binary" }).filter((one) => !/[\r\n\0]/.test(one));
    const port = fc.oneof(fc.integer({ min: 1, max: 65535 }), fc.constant("*" as const));
    const record = fc.record({ host: text, port, database: text, user: text, password: text });
    fc.assert(
      fc.property(fc.array(record), (lines) => {
        expect(parsePassfile(renderPassfile(lines))).toEqual(lines);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("parsing a password file", () => {
  test("comments, empty lines, lines without five fields and ports that no connection has are passed over", () => {
    const text = "# a:1:b:c:d\n\na:1:b:c\na:x:b:c:d\na:1:b:c:d\r\na:1:b:c:\n";
    expect(parsePassfile(text)).toEqual([
      { host: "a", port: 1, database: "b", user: "c", password: "d" },
      { host: "a", port: 1, database: "b", user: "c", password: "" },
    ]);
  });

  test("a backslash takes any character's meaning away; the last one on a line is itself; a fifth colon ends the password", () => {
    expect(parsePassfile("\\a:1:b:c:d\\\\\\:e:f\na:1:b:c:d\\")).toMatchObject([
      { host: "a", password: "d\\:e" },
      { password: "d\\" },
    ]);
  });

  test("any text at all is read without throwing", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (any) => void parsePassfile(any)));
  });
});
