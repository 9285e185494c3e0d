import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseConfiguration, quoteValue, renderConfiguration } from "../../../postgres/files/postgresqlConf.js";

describe("rendering", () => {
  test("is sorted, quotes every value, and says who wrote the file and where to change it", () => {
    const text = renderConfiguration({ port: "5442", log_filename: "postgresql-%Y-%m.log", max_connections: "400" });
    expect(text).toBe(
      [
        "# Written by pgsite. Change the stack file, then run `pulumi up`: edits made here are reported and undone.",
        "",
        "log_filename = 'postgresql-%Y-%m.log'",
        "max_connections = '400'",
        "port = '5442'",
        "",
      ].join("\n"),
    );
  });

  test("a header cannot break out of its comment", () => {
    expect(renderConfiguration({}, { header: ["server2\nport = 1", ""] })).toBe("# server2\n# port = 1\n#\n\n");
    expect(renderConfiguration({ port: "1" }, { header: [] })).toBe("port = '1'\n");
  });

  test.each([
    ["it's", "'it''s'"],
    ["C:\\tmp", "'C:\\\\tmp'"],
    ["a\nb\r", "'a\\nb\\r'"],
    ["", "''"],
    ["# no comment", "'# no comment'"],
  ])("%j is written as %s", (value, text) => expect(quoteValue(value)).toBe(text));

  test("a NUL character is refused", () => {
    expect(() => quoteValue("a\0b")).toThrow("a value with a NUL character cannot be written to a configuration file");
  });

  test("what is rendered parses back to the same", () => {
    const name = fc
      .stringMatching(/^[a-z_][a-z0-9_]{0,20}(\.[a-z_][a-z0-9_]{0,8})?$/)
      .filter((one) => !/^include/.test(one));
    const value = fc.string({ unit: "binary" }).filter((one) => !one.includes("\0"));
    fc.assert(
      fc.property(fc.dictionary(name, value, { noNullPrototype: true }), fc.array(fc.string()), (values, header) => {
        const parsed = parseConfiguration(renderConfiguration(values, { header }));
        expect(parsed.problems).toEqual([]);
        expect(parsed.values).toEqual(values);
      }),
      { numRuns: 500 },
    );
  });
});

describe("parsing", () => {
  test("reads what administrators and initdb write", () => {
    const text = [
      "# - Connection Settings -",
      "",
      "listen_addresses = '*'\t\t# what IP address(es) to listen on;",
      "port 5442",
      "  shared_buffers=128MB",
      "#max_connections = 100",
      "datestyle = 'iso, mdy'",
      "log_line_prefix = '%m [%p] it''s \\'q\\' \\164\\n'",
      "wal_keep_segments = 64\r",
      "temp_buffers = 0x100kB # hexadecimal",
      "cpu_tuple_cost = 1.0e-2",
      "unix_socket_directories = /tmp",
      "autovacuum=on#comment",
      "foo.bar = baz",
      "search_path''",
    ].join("\n");
    expect(parseConfiguration(text)).toEqual({
      values: {
        listen_addresses: "*",
        port: "5442",
        shared_buffers: "128MB",
        datestyle: "iso, mdy",
        log_line_prefix: "%m [%p] it's 'q' t\n",
        wal_keep_segments: "64",
        temp_buffers: "0x100kB",
        cpu_tuple_cost: "1.0e-2",
        autovacuum: "on",
        "foo.bar": "baz",
        search_path: "",
      },
      lines: expect.any(Array),
      includes: [],
      problems: [
        {
          path: "line 12",
          message: `"unix_socket_directories = /tmp" is not a setting; allowed: name = value, or name = 'value'`,
          severity: "error",
        },
      ],
    });
  });

  test("the last line of a name wins, whatever its case, and all of them are listed with their numbers", () => {
    const parsed = parseConfiguration("timezone = 'UTC'\nport = 1\nTimeZone = 'GMT'\n");
    expect(parsed.values).toEqual({ port: "1", TimeZone: "GMT" });
    expect(parsed.lines).toEqual([
      { name: "timezone", value: "UTC", line: 1 },
      { name: "port", value: "1", line: 2 },
      { name: "TimeZone", value: "GMT", line: 3 },
    ]);
  });

  test("includes are reported and not followed", () => {
    const parsed = parseConfiguration("include_dir 'conf.d'\ninclude_if_exists = 'x.conf'\nInclude 'y.conf'");
    expect(parsed.values).toEqual({});
    expect(parsed.includes).toEqual([
      { directive: "include_dir", path: "conf.d", line: 1 },
      { directive: "include_if_exists", path: "x.conf", line: 2 },
      { directive: "include", path: "y.conf", line: 3 },
    ]);
  });

  test.each([
    "port",
    "port =",
    "port = 'unfinished",
    "port = 1 2",
    "= 5",
    "port = 64 MB",
    "a.b.c = 1",
    "a = 1e5",
    "a$b = 1",
    "a = b$c",
  ])("%j is a problem, and nothing is thrown", (line) => {
    expect(parseConfiguration(`${line}\nfsync = on\n`)).toMatchObject({
      values: { fsync: "on" },
      problems: [{ path: "line 1", severity: "error" }],
    });
  });

  test("any text at all is read without throwing", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void parseConfiguration(text)));
  });

  test("reads a file with the line ends of Windows, comments behind settings too", () => {
    const text =
      "# head \r\nwork_mem = '16MB'\r\nrandom_page_cost=1.1 # ssd\r\n\t \r\nport = 5433 # \u2028 two\r\nlast = 1";
    const { values, problems } = parseConfiguration(text);
    expect(problems).toEqual([]);
    expect(values).toEqual({ work_mem: "16MB", random_page_cost: "1.1", port: "5433", last: "1" });
  });

  test("takes no space of Unicode for white space, nor a byte order mark, which the server refuses", () => {
    for (const text of ["\ufeff# head\n", "\u00a0\n", "a = 1\u2003# b\n"])
      expect(parseConfiguration(text).problems).toHaveLength(1);
  });

  test("takes for words what the server takes for some", () => {
    const refused = [
      "search_path = a.b",
      "a = 0X1F",
      "a = 1.5GB",
      "a = 1e5",
      "a\f= 1",
      "a = 1 2",
      "a = 'x'\v",
      "a-b = 1",
      "a.b.c = 1",
    ];
    for (const text of refused) expect([text, parseConfiguration(text).problems.length]).toEqual([text, 1]);
    const taken = {
      "a.b = 0x1F": "0x1F",
      "a.b+5": "+5",
      "a.b .": ".",
      "a.b=1.5e-3": "1.5e-3",
      "a.b=US/Central": "US/Central",
    };
    for (const [text, value] of Object.entries(taken))
      expect(parseConfiguration(text).values).toEqual({ "a.b": value });
  });

  test("reads bytes by their octal numbers as UTF-8, up to NUL", () => {
    const text = "a = '\\303\\274\\360\\237\\230\\200\\101'\nb = 'x\\000y'\n";
    expect(parseConfiguration(text).values).toEqual({ a: "\u00fc\u{1f600}A", b: "x" });
  });

  test("says where a value has bytes of another encoding, or a NUL, and passes over both in comments", () => {
    const text = Buffer.from(
      "# caf\u00e9 \0\na = 'caf\u00e9'\nb = 'x\0y'\nc = '\\351' # caf\u00e9\nd = 1 # caf\u00e9\n",
      "latin1",
    ).toString();
    const { values, problems } = parseConfiguration(text);
    expect(values).toEqual({ d: "1" });
    expect(problems.map(({ path, message }) => `${path} ${message.replace(/^".*" /s, "")}`)).toEqual([
      "line 2 has bytes that are no UTF-8: write the file in UTF-8",
      "line 3 has a NUL character in its value, which ends there: take it out",
      "line 4 has bytes that are no UTF-8: write the file in UTF-8",
    ]);
  });
});
