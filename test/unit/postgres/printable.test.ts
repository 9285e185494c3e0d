import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decoded, encoded, onOneLine, printable, withUnicodeEscapes } from "../../../postgres/printable.js";

/** What a terminal obeys, or does not show; by code, not by the module's own pattern. */
function obeyed(text: string): string[] {
  const invisible = (code: number) =>
    code < 0x20 ||
    (code >= 0x7f && code <= 0x9f) ||
    code === 0xad ||
    (code >= 0x200b && code <= 0x200f) ||
    (code >= 0x2028 && code <= 0x202e) ||
    (code >= 0x2060 && code <= 0x206f) ||
    (code >= 0xd800 && code <= 0xdfff) ||
    code === 0xfeff ||
    (code >= 0xe0000 && code <= 0xe0fff);
  return [...text].filter((one) => invisible(one.codePointAt(0) as number));
}

/** Much of what is hostile, between what is not. */
const hostile = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom(
        "\x1b[2J",
        "\x1b]0;title\x07",
        "\x9b31m",
        "\u202e",
        "\u2028",
        "\ud800",
        "\udc00",
        "\0",
        "\r\n",
        "\\x1b",
        "\\u{202e}",
        "\\",
      ),
    ),
  )
  .map((parts) => parts.join(""));

describe("what somebody else wrote, as a terminal may show it", () => {
  test.each([
    ["\x1b[31mred\x07", "\\x1b[31mred\\x07"],
    ["a\u202eb\u2066c", "a\\u{202e}b\\u{2066}c"],
    ["\x9b2J\x85", "\\x9b2J\\x85"],
    ["a\ud800b", "a\\u{d800}b"],
    ["tab\tand\r\nline", "tab\tand\\x0d\nline"],
    ["Zürich ✓ 東京 😀 'x'", "Zürich ✓ 東京 😀 'x'"],
    ["tag \u{e0041}", "tag \\u{e0041}"],
  ])("%j is shown as %s", (text, shown) => expect(printable(text)).toBe(shown));

  test("in a line of ours its line breaks are escaped too", () =>
    expect(onOneLine("x\nerror: y\u2029")).toBe("x\\x0aerror: y\\u{2029}"));

  test("nothing that a terminal obeys is left, save line breaks and tabs; twice is once", () =>
    fc.assert(
      fc.property(hostile, (text) => {
        expect(obeyed(printable(text).replace(/[\n\t]/g, ""))).toEqual([]);
        expect(obeyed(onOneLine(text).replaceAll("\t", ""))).toEqual([]);
        expect(printable(printable(text))).toBe(printable(text));
      }),
    ));

  test("in the state it can be told from what only looks like it, and comes back as it was", () =>
    fc.assert(
      fc.property(hostile, fc.constantFrom("lines", "one line"), (text, kind) => {
        expect(decoded(encoded(text, kind as "lines"))).toBe(text);
        expect(obeyed(encoded(text, kind as "lines").replace(/[\n\t]/g, ""))).toEqual([]);
      }),
    ));

  test("as JSON it is read back as it was", () =>
    fc.assert(
      fc.property(hostile, (text) => {
        const json = withUnicodeEscapes(JSON.stringify({ text }), "JSON");
        expect(JSON.parse(json)).toEqual({ text });
        expect(obeyed(json)).toEqual([]);
      }),
    ));
});
