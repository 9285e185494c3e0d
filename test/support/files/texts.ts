import fc from "fast-check";

/** Generators of files as administrators, editors and accidents make them. Characters U+E000 to U+E0FF stand for bytes. */

/** What a text of a generator is on disk. */
export function bytesOf(text: string): Buffer {
  const pieces = text.match(/[\ue000-\ue0ff]|[^\ue000-\ue0ff]+/g) ?? [];
  return Buffer.concat(
    pieces.map((piece) =>
      /^[\ue000-\ue0ff]$/.test(piece) ? Buffer.from([piece.charCodeAt(0) & 0xff]) : Buffer.from(piece, "utf8"),
    ),
  );
}

/** As `bytesOf`, read back as pgsite reads files. */
export function readText(text: string): string {
  return bytesOf(text).toString("utf8");
}

/** Characters that editors, copies from web pages and accidents leave. */
const accidents = [
  ...["\0", "\f", "\v", "\b", "\x1a", "\x7f", "\r", "\t", "\u00a0", "\u2028", "\u2029", "\u0085", "\ufeff", "\u2019"],
  ...["\ue0e9", "\ue0ff", "\ue080", "é", "\u{1f600}", "'", '"', "''", "\\", "\\'", "\\0", "\\374", "\\303\\274", "#"],
  ...["=", "==", ".", ",", "-", "+", "@", "/", " ", "  ", "$", "0x", "1e5", ":", ";", "\n", "\r\n", "\\\n", "\\\r\n"],
] as const;

/** A text with some characters put in, taken out or doubled. */
export function mutilated(text: string, putIn: readonly string[] = accidents): fc.Arbitrary<string> {
  const change = fc.record({ at: fc.nat(text.length), drop: fc.nat(2), put: fc.constantFrom("", ...putIn) });
  return fc
    .array(change, { minLength: 1, maxLength: 3 })
    .map((changes) => changes.reduce((now, { at, drop, put }) => now.slice(0, at) + put + now.slice(at + drop), text));
}

const gap = fc.constantFrom("", "", " ", " ", "  ", "\t", "\r", " \t ");
const lineEnd = fc.constantFrom("\n", "\n", "\n", "\r\n", " \r\n", "\n\n", "\r\r\n");
const anything = fc.constantFrom(...accidents, "a", "b", "x y", "/srv/data", "%m [%p]", "it", "C:\\data");

/** Lines, whole or mutilated, with the ends that they have on different systems; the last one may have none. */
export function fileOf(line: fc.Arbitrary<string>, most: number): fc.Arbitrary<string> {
  const one = fc.oneof(
    { weight: 4, arbitrary: line },
    { weight: 1, arbitrary: line.chain((text) => mutilated(text)) },
    { weight: 1, arbitrary: fc.tuple(fc.constantFrom("#", " # ", "\t#"), anything).map((parts) => parts.join("")) },
  );
  const begin = fc.oneof({ weight: 15, arbitrary: fc.constant("") }, fc.constantFrom("\ufeff", "\r\n", "\u00a0", "\0"));
  return fc
    .tuple(begin, fc.array(fc.tuple(one, lineEnd), { minLength: 1, maxLength: most }), fc.boolean())
    .map(([first, lines, ends]) => {
      const text = first + lines.map((parts) => parts.join("")).join("");
      return ends ? text : text.replace(/[\r\n]+$/, "");
    });
}

/** Settings that any version has, of every type; placeholders of extensions; a name in another spelling. */
const names = [
  ...["work_mem", "WORK_MEM", "random_page_cost", "enable_seqscan", "log_statement", "search_path", "DateStyle"],
  ...["application_name", "archive_command", "log_line_prefix", "auto_explain.log_min_duration", "a.b", "x_1.y_2"],
] as const;

const inQuotes = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom("a", "4MB", "on", " ", "%p", "/x", ",", '"', "#", "é", "=", "ü") },
    {
      weight: 2,
      arbitrary: fc.constantFrom("''", "\\'", "\\\\", "\\n", "\\t", "\\b", "\\101", "\\7", "\\0601", "\\q"),
    },
    { weight: 1, arbitrary: fc.constantFrom("\\303\\274", "\\374", "\\360\\237\\230\\200", "\\000", "\\477", "\\8") },
    { weight: 1, arbitrary: fc.constantFrom("\r", "\u2028", "\u00a0", "\ue0e9", "\f", "\v", "\ufeff", "\u{1f600}") },
  ),
  { maxLength: 6 },
);
const bare = fc.constantFrom(
  ...["4MB", "16", "-1", "+5", "0x1F", "0X1F", "017", "1.5", "1.5GB", ".5", "5.", "1e5", "1.5e-3", "on", "replica"],
  ...["a.b", "a-b", "/tmp", "US/Central", "server.crt", "é", "a:b", "16 MB", "b_c", "a$b", "1_000", "100kB#x"],
);
const value = fc.oneof(
  { weight: 3, arbitrary: inQuotes.map((pieces) => `'${pieces.join("")}'`) },
  { weight: 2, arbitrary: bare },
);
const sign = fc.constantFrom("=", " = ", " ", "\t", "= ", " =", "\t=\t", " =\r", "", "==");
const tail = fc.oneof(
  { weight: 4, arbitrary: gap },
  fc.constantFrom("#", " # a comment", '\t# it\'s "quoted"', " # \ue0fc", " #\0", " x", "'y'"),
);

/** A line of postgresql.conf. */
export const settingLine: fc.Arbitrary<string> = fc
  .tuple(gap, fc.constantFrom(...names), sign, value, tail)
  .map((parts) => parts.join(""));

const ruleNames = fc.constantFrom(
  ...[
    "all",
    "replication",
    "app",
    "sameuser",
    '"all"',
    '"a b"',
    '"a""b"',
    "a,b",
    "a, b",
    "a ,b",
    '"a","b"',
    ",a",
    "+staff",
  ],
  ...[
    "@names",
    "@./names",
    "@names,c",
    'x"y z"w',
    "é",
    '"é\u00a0"',
    "/^a.*$",
    '"a#b"',
    "a\\",
    "a\u00a0b",
    "\ue0e9",
    "$user",
  ],
);
const places = fc.constantFrom(
  ...[
    "127.0.0.1/32",
    "10.0.0.0/8",
    "10.0.0.1/8",
    "10.0.0.0 255.0.0.0",
    "::1/128",
    "fe80::/10",
    "::1 ffff::",
    "samehost",
  ],
  ...["samenet", "all", "localhost", ".example.org", '"10.0.0.0/8"', "10.0.0.0/33", "10.0.0.0", "10.0.0.0\t255.0.0.0"],
);
const methods = fc.constantFrom(
  ...[
    "trust",
    "reject",
    "md5",
    "scram-sha-256",
    "password",
    "ident",
    "ident map=m",
    'ident map="a b"',
    "ident map=m,x",
  ],
  ...[
    '"md5"',
    "md5,trust",
    "md5 map=m",
    "md5 x",
    "MD5",
    "ident map=",
    'ident "map=a#b"',
    "ident map=a\u00a0b",
    "crypt",
  ],
);
const types = fc.constantFrom(
  "host",
  "host",
  "host",
  "hostssl",
  "hostnossl",
  "hostgssenc",
  "hostnogssenc",
  '"host"',
  "hosts",
);
const blank = fc.constantFrom(" ", " ", "\t", "  \t", " \r ", "\u00a0", "\f", " \\\n ", " \\\r\n\t");
const ruleTail = fc.constantFrom(
  "",
  "",
  "",
  " ",
  "# x",
  " # it's \"x",
  " \\",
  "\\",
  " # goes on \\",
  " #\0 x",
  ",",
  " ,",
);

const overTcp = fc
  .tuple(gap, types, blank, ruleNames, blank, ruleNames, blank, places, blank, methods, ruleTail)
  .map((parts) => parts.join(""));
const local = fc
  .tuple(
    fc.constant("local"),
    blank,
    ruleNames,
    blank,
    ruleNames,
    blank,
    fc.constantFrom("peer", "trust", "peer map=m", "all trust"),
    ruleTail,
  )
  .map((parts) => parts.join(""));
const included = fc.constantFrom(
  ...[
    "include more",
    "include_if_exists none",
    'include "more"',
    "include_dir more.d",
    "include more x",
    "INCLUDE more",
    "include a,b",
  ],
);

/** A line of pg_hba.conf, or more than one. */
export const accessLine: fc.Arbitrary<string> = fc.oneof(
  { weight: 10, arbitrary: overTcp },
  { weight: 3, arbitrary: local },
  { weight: 1, arbitrary: included },
);
