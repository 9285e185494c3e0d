import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseConninfo, renderConninfo } from "../../../postgres/files/conninfo.js";

const text = fc.string({ unit: "binary" }).filter((one) => !/[\r\n\0]/.test(one));

describe("rendering a connection string", () => {
  test("names come in the order in which administrators write them, the others after them", () => {
    const parameters = {
      sslmode: "require",
      connect_timeout: "3",
      user: "dbadmin",
      port: "5442",
      host: "db1",
      krbsrvname: undefined,
    };
    expect(renderConninfo(parameters)).toBe("host=db1 port=5442 user=dbadmin sslmode=require connect_timeout=3");
  });

  test.each([
    ["plain", "plain"],
    ["", "''"],
    ["a b", "'a b'"],
    ["it's", "'it\\'s'"],
    ["a\\b", "'a\\\\b'"],
    ["a=b", "a=b"],
    ["$d:c", "$d:c"],
  ])("%j is written %s", (value, written) => expect(renderConninfo({ password: value })).toBe(`password=${written}`));

  test.each(["a\nb", "a\rb", "a\0b"])("%j cannot be written, and is not quoted back", (value) => {
    const message = "the connection parameter password has a line break or NUL in it";
    expect(() => renderConninfo({ password: value })).toThrow(new Error(message));
  });

  test("what is no name of a parameter is refused", () => {
    expect(() => renderConninfo({ "host name": "x" })).toThrow('"host name" is not the name of a connection parameter');
  });

  test("what is rendered parses back to the same", () => {
    const name = fc.oneof(fc.constantFrom("host", "port", "user", "__proto__"), fc.stringMatching(/^[a-z_]{1,20}$/));
    fc.assert(
      fc.property(fc.array(fc.tuple(name, text)), (pairs) => {
        const parameters = Object.fromEntries(pairs);
        expect(parseConninfo(renderConninfo(parameters))).toEqual(parameters);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("parsing a connection string", () => {
  test.each([
    ["", {}],
    ["  \t ", {}],
    ["host = db1\n port='5442'user=dbadmin", { host: "db1", port: "5442", user: "dbadmin" }],
    ["user=a user=b", { user: "b" }],
    ["password=a\\ b\\'c\\\\", { password: "a b'c\\" }],
    ["password='a\\' \\\\b'", { password: "a' \\b" }],
    ["password=it's", { password: "it's" }],
    ["password=a\\", { password: "a" }],
    ["password=a\u00a0b", { password: "a\u00a0b" }],
    ["host=", { host: "" }],
    ["host= port=1", { host: "port=1" }],
  ])("%j is read as libpq reads it", (written, parameters) => expect(parseConninfo(written)).toEqual(parameters));

  test.each([
    "host",
    "host='a",
    "host='a\\'",
    "=a",
    "host=a b",
    "a b=c",
    "postgresql://h/d?sslmode=require",
    "host=a\0",
  ])("%j is none", (written) => expect(parseConninfo(written)).toBeUndefined());

  test("any text at all is read without throwing", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (any) => void parseConninfo(any)));
  });
});
