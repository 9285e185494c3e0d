import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type HbaName,
  type HbaRule,
  literalName,
  parseHba,
  parseHbaLine,
  renderHba,
  renderHbaLine,
} from "../../../postgres/files/hba/index.js";
import { majors } from "../../../postgres/versions.js";
import { writableRule } from "../../support/hbaRules.js";

const plain = (text: string): HbaName => ({ text, literal: false });
const literal = (text: string): HbaName => ({ text, literal: true });
const rule: HbaRule = {
  type: "host",
  databases: [plain("all")],
  users: [plain("all")],
  address: "10.0.0.0/8",
  method: "md5",
  options: [],
};

/** Rules of a whole file, which must hold nothing else. */
function rulesOf(text: string, options?: Parameters<typeof parseHba>[1]) {
  const { entries, problems } = parseHba(text, options);
  expect(problems).toEqual([]);
  return entries.map((entry) => entry.rule);
}

describe("rendering", () => {
  test("aligns the columns in the order given, under a header, and ends with a line break", () => {
    const rules: HbaRule[] = [
      { type: "local", databases: [plain("all")], users: [literalName("postgres")], method: "peer", options: [] },
      { ...rule, databases: [plain("decam"), literalName("all")], users: [plain("+staff"), plain("dbadmin")] },
      { ...rule, address: "10.0.0.1", mask: "255.255.255.255", options: [{ name: "map", value: "a b" }] },
    ];
    expect(renderHba(rules, { header: ["written by pgsite"] })).toBe(
      [
        "# written by pgsite",
        "",
        "local  all          postgres                                  peer",
        'host   decam,"all"  +staff,dbadmin  10.0.0.0/8                md5',
        'host   all          all             10.0.0.1 255.255.255.255  md5 map="a b"',
        "",
      ].join("\n"),
    );
    expect(renderHba([])).toBe("");
  });

  test("a very long list does not make every other line as long", () => {
    const long = { ...rule, databases: [plain("a".repeat(61))] };
    expect(renderHba([long, rule]).split("\n")).toEqual([
      `host  ${"a".repeat(61)}  all  10.0.0.0/8  md5`,
      "host  all  all  10.0.0.0/8  md5",
      "",
    ]);
  });

  test("a header cannot break out of its comment, nor swallow a rule by a backslash at its end", () => {
    const text = renderHba([rule], { header: ["a\nhost all all all trust", "b\\"] });
    expect(text).toBe("# a\n# host all all all trust\n# b\\\n\nhost  all  all  10.0.0.0/8  md5\n");
    expect(rulesOf(text)).toEqual([rule]);
  });

  test.each([
    [literal("all"), '"all"'],
    [plain("all"), "all"],
    [literal("+staff"), '"+staff"'],
    [plain("a b"), '"a b"'],
    [plain("+a b"), '+"a b"'],
    [plain("/^a b"), '/"^a b"'],
    [plain('a"b'), '"a""b"'],
    [plain("a,b"), '"a,b"'],
    [plain("#a"), '"#a"'],
    [plain("a\\"), '"a\\"'],
  ])("the name %j is written %s", (name, text) => {
    expect(renderHbaLine({ ...rule, users: [name] })).toBe(`host  all  ${text}  10.0.0.0/8  md5`);
  });

  test.each(["a\nb", "a\rb", "a\0b"])("%j cannot be written", (text) => {
    const message = "pg_hba.conf cannot hold a line break or NUL";
    expect(() => renderHba([{ ...rule, users: [plain(text)] }])).toThrow(message);
    expect(() => renderHba([{ ...rule, options: [{ name: "map", value: text }] }])).toThrow(message);
  });

  test("every version reads back what is rendered, rule by rule and as a file", () => {
    fc.assert(
      fc.property(
        fc.array(writableRule, { maxLength: 8 }),
        fc.array(fc.string()),
        fc.constantFrom(...majors),
        (rules, header, major) => {
          for (const one of rules) expect(parseHbaLine(renderHbaLine(one), "x")).toEqual({ rule: one, problems: [] });
          expect(rulesOf(renderHba(rules, { header }), { major })).toEqual(rules);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("parsing", () => {
  test("reads quotes, commas and blanks as hba.c does", () => {
    expect(rulesOf('host\ta,"b, c", d  "a"ll,"all",al"l"\t10.0.0.1  255.0.0.0 md5 # comment\r\n')).toEqual([
      {
        type: "host",
        databases: [plain("a"), plain("b, c"), plain("d")],
        users: [literal("all"), literal("all"), plain("all")],
        address: "10.0.0.1",
        mask: "255.0.0.0",
        method: "md5",
        options: [],
      },
    ]);
    // A comma after a blank is passed over; a space that is none to hba.c stays in the name.
    expect(rulesOf("local a ,b\u00a0c trust")).toEqual([
      { type: "local", databases: [plain("a")], users: [plain("b\u00a0c")], method: "trust", options: [] },
    ]);
  });

  test("a comma parts options as a blank does, unless it stands in quotes", () => {
    const line = 'host all all all radius radiusservers="a,b",radiusports=1 radiusidentifiers= ';
    expect(parseHbaLine(line, "x").rule?.options).toEqual([
      { name: "radiusservers", value: "a,b" },
      { name: "radiusports", value: "1" },
      { name: "radiusidentifiers", value: "" },
    ]);
  });

  test("a backslash continues a line, a comment too, from 14 on", () => {
    const text = "local all \\\nall trust\n# comment \\\nlocal a a trust\nlocal b b trust\n";
    expect(parseHba(text, { major: "14" })).toMatchObject({
      entries: [{ line: 1 }, { line: 5, rule: { databases: [{ text: "b" }] } }],
      problems: [],
    });
    expect(parseHba(text, { major: "13" })).toMatchObject({
      entries: [{ line: 4 }, { line: 5 }],
      problems: [{ path: "line 1" }, { path: "line 2" }],
    });
  });

  test("a backslash at the very end of a file goes on to nothing", () => {
    const { entries } = parseHba("local all all peer map=a\\", { major: "14" });
    expect(entries).toMatchObject([{ rule: { options: [{ name: "map", value: "a" }] } }]);
  });

  test("a line with NUL or with bytes of another encoding is a problem; such bytes in a comment are none", () => {
    const bytes = Buffer.from(
      "local caf\u00e9 all peer\nlocal all all peer # caf\u00e9\n# \0\nlocal a a peer\n",
      "latin1",
    );
    const { entries, problems } = parseHba(bytes.toString());
    expect(entries.map(({ line }) => line)).toEqual([2, 4]);
    expect(problems).toMatchObject([
      { path: "line 1", message: expect.stringContaining("write the file in UTF-8") },
      { path: "line 3", message: expect.stringContaining("NUL character") },
    ]);
  });

  test("includes are entries from 16 on, and problems before", () => {
    const text = 'include "a b.conf"\ninclude_if_exists b\ninclude_dir c\n';
    expect(parseHba(text)).toEqual({
      entries: [
        { line: 1, include: { directive: "include", path: "a b.conf" } },
        { line: 2, include: { directive: "include_if_exists", path: "b" } },
        { line: 3, include: { directive: "include_dir", path: "c" } },
      ],
      problems: [],
    });
    expect(parseHba("include x", { major: "15" }).problems).toEqual([
      { path: "line 1", message: '"include x": include comes with 16', severity: "error" },
    ]);
  });

  test.each([
    ["local all", "a rule has a type, databases, users, an address (unless local) and a method"],
    ['local all "all trust', "a double quote is not closed"],
    ["host all all", "an address is missing after the users"],
    ["host all all all", "the method is missing"],
    ["local all all", "the method is missing"],
    ["local all all 127.0.0.1/32 trust", "a local rule has no address"],
    ["host all all all ident map", 'the option "map" is not of the form name=value'],
    ["host,local all all all trust", "host,local are several; a rule has one type"],
    ["host all all a,b trust", "a,b are several; a rule has one address"],
    ["host all all all md5,trust", "md5,trust are several; a rule has one method"],
    ['host all all "all" trust', "in quotes all is the name of a host: write it without them"],
  ])("%s is refused: %s", (line, message) => {
    expect(parseHbaLine(line, "access[1]").problems).toEqual([
      { path: "access[1]", message: `"${line}": ${message}`, severity: "error" },
    ]);
  });

  test("a rule is one line", () => {
    expect(parseHbaLine("local all all\ntrust", "x").problems).toMatchObject([
      { message: '"local all all\ntrust": a rule is one line' },
    ]);
  });

  test.each([
    'host all all all ldap ldapbindpasswd="s3cr3t x" y',
    "host all all all radius radiussecrets=two s3cr3t",
    'host all all all radius "radiussecret"=s3cr3t "',
  ])("a secret is not quoted in a problem: %s", (line) => {
    const { problems } = parseHbaLine(line, "x");
    expect(problems).toHaveLength(1);
    expect(problems[0]?.message).toContain("=…");
    expect(problems[0]?.message).not.toContain("s3cr3t");
  });

  test("a problem is of its line alone, and any text at all is read without throwing", () => {
    expect(parseHba("nonsense\n\nlocal all all trust\n")).toMatchObject({
      entries: [{ line: 3 }],
      problems: [{ path: "line 1" }],
    });
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        fc.constantFrom(...majors),
        (text, major) => void parseHba(text, { major }),
      ),
    );
  });
});
