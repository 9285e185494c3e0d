import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { beginning, fenced, limit } from "../../../toolchain/fenced.mjs";

/** A text of lines between which anything stands that Markdown, a terminal or a reader could stumble over. */
const hostile = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary" }),
      fc.nat({ max: 40 }).map((count) => "`".repeat(count)),
      fc.constantFrom(
        "\n",
        "\r",
        "\r\n",
        "\n   ```\n",
        "~~~\n",
        "</details>",
        "<script>",
        "@org/team",
        "\x1b[31m",
        "\x1b]8;;x\x07",
      ),
      fc.constantFrom("\u202e", "\u200b", "\ud83d", "\udc00", "😀", "\x9b2J", "\u2028", "::add-mask::x\n"),
    ),
    { maxLength: 60 },
  )
  .map((parts) => parts.join(""));

/** The lines of the code block that a text begins with after its heading, as CommonMark ends one, and what follows it. */
function block(markdown: string): { inside: readonly string[]; after: string } {
  const [heading, empty, open = "", ...lines] = markdown.split(/\r\n|\n|\r/);
  expect([heading?.slice(0, 4), empty]).toEqual(["### ", ""]);
  const width = /^(`{3,})diff$/.exec(open)?.[1]?.length ?? 0;
  expect(width).toBeGreaterThan(2);
  const end = lines.findIndex((line) => new RegExp(`^ {0,3}\`{${width},}[ \\t]*$`).test(line));
  return { inside: lines.slice(0, end), after: lines.slice(end + 1).join("\n") };
}

const rest = "\n(the rest is left out here: it is in the run)\n";

describe("a text of somebody else's, as Markdown", () => {
  it("stays in its fence, whatever it is, and is cut to a size", () => {
    fc.assert(
      fc.property(hostile, fc.nat({ max: 300 }), (text, most) => {
        const { inside, after } = block(fenced("check", text, most));
        expect(["", rest]).toContain(after);
        const shown = inside.join("\n");
        expect(shown.length).toBeLessThanOrEqual(most);
        expect(Buffer.from(shown).toString()).toBe(shown);
        expect(shown).not.toMatch(/(?![\t\n])[\p{Cc}\u200b-\u200f\u202a-\u202e\u2066-\u2069]/u);
      }),
      { numRuns: 500 },
    );
  });

  it("is shown as it is where there is nothing in it", () => {
    const text = "server2: max_connections: 400 → 500\n+ a\n- b <b>@org</b> ümläut 😀\n";
    expect(fenced("ctio", text)).toBe(`### ctio\n\n\`\`\`diff\n${text}\n\`\`\`\n`);
  });

  it("has a fence one longer than its longest run of backticks", () => {
    expect(fenced("x", "a ````` b")).toContain("\n``````diff\na ````` b\n``````\n");
  });

  it("fits into a comment of GitHub's with all that stands around it, be it backticks alone", () => {
    expect(fenced("x", "é".repeat(limit * 2)).length).toBeLessThan(65_536);
    const all = fenced("x", "`".repeat(limit * 2));
    expect(block(all).after).toBe(rest);
  });

  it("loses escapes, and says where something could not be seen", () => {
    expect(fenced("x", "a\x1b[2Kb\x1b]0;title\x07c\u202ed\x00")).toContain("\nabc<202e>d<0>\n");
  });

  it("has a heading without markup", () => {
    expect(fenced("a](http://x) `<b>` @org\n# b", "")).toMatch(/^### ahttp:x\) b orga b\n|^### [\w ():]+\n/);
  });
});

describe("the file that it comes from", () => {
  const folder = mkdtempSync(join(tmpdir(), "pgsite-unit-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  it("is read only where it is one: no link to something of this machine's, and nothing that one would wait for", () => {
    writeFileSync(join(folder, "secret"), "s3cret");
    symlinkSync(join(folder, "secret"), join(folder, "link"));
    execFileSync("mkfifo", [join(folder, "fifo")]);
    expect(() => beginning(join(folder, "link"))).toThrow("ELOOP");
    expect(() => beginning(join(folder, "fifo"))).toThrow("is no regular file");
    expect(() => beginning(folder)).toThrow("is no regular file");
    expect(beginning(join(folder, "secret"))).toBe("s3cret");
  });

  it("is read to a size, whatever its bytes are", () => {
    writeFileSync(join(folder, "large"), Buffer.alloc(limit * 10, 0xff));
    expect(beginning(join(folder, "large")).length).toBe(limit * 4);
  });
});
