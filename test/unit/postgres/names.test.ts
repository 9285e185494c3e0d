import { describe, expect, test } from "vitest";
import { checkSqlName } from "../../../postgres/names.js";

const messages = (...args: Parameters<typeof checkSqlName>) => checkSqlName(...args).map(({ message }) => message);

describe("names of roles and databases", () => {
  test.each(["dbadmin", "a b", 'a"b', "Größe", "$user", "+staff", "all", "current_user", "x".repeat(63)])(
    "%j will do",
    (name) => {
      expect(messages("role", name, "18", "roles")).toEqual([]);
      expect(messages("database", name, "18", "databases")).toEqual([]);
    },
  );

  test("the path is the one given, and what is wrong is an error", () => {
    expect(checkSqlName("role", "", "15", "roles[2].name")).toEqual([
      { path: "roles[2].name", message: "is empty; the name of a role has 1 to 63 bytes", severity: "error" },
    ]);
  });

  test("bytes are counted, not characters", () => {
    const name = "é".repeat(32);
    expect(messages("database", name, "15", "d")).toEqual([
      `"${name}" has 64 bytes; the name of a database has 63 at most`,
    ]);
  });

  test("line breaks and NUL are refused, shown escaped", () => {
    expect(messages("role", "a\nb", "15", "r")).toEqual(['"a\\nb" has a line break or NUL in it']);
    expect(messages("database", "a\0", "15", "d")).toEqual(['"a\\u0000" has a line break or NUL in it']);
  });

  test("pg_ is PostgreSQL's own for roles from 9.6 on", () => {
    expect(messages("role", "pg_ops", "9.5", "r")).toEqual([]);
    expect(messages("role", "pg_ops", "9.6", "r")).toEqual([
      '"pg_ops": names that begin with pg_ are PostgreSQL\'s own from 9.6 on; choose another',
    ]);
    expect(messages("database", "pg_ops", "18", "d")).toEqual([]);
  });

  test("words that SQL means by themselves are no roles", () => {
    const word = (name: string) => [`"${name}" is a word of SQL, which no role can be named; choose another`];
    expect(messages("role", "public", "9.0", "r")).toEqual(word("public"));
    expect(messages("role", "none", "18", "r")).toEqual(word("none"));
    expect(messages("database", "public", "18", "d")).toEqual([]);
  });
});
