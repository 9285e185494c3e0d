import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { aliasValue, withAlias } from "../../../installed/aliases.js";

const text = `# See man 5 aliases.
postmaster:    root
root: admin@example.org,
	second@example.org
"odd name": nobody
`;

describe("a line of /etc/aliases", () => {
  it("is added at the end, changed where it stands, and taken away, and every other line stays as it is", () => {
    const added = withAlias(text, "postgres-status", "dba@example.org");
    expect(added).toBe(`${text}postgres-status: dba@example.org\n`);
    expect(withAlias(added, "postgres-status", "dba@example.org, root")).toBe(
      `${text}postgres-status: dba@example.org, root\n`,
    );
    expect(withAlias(added, "postgres-status", undefined)).toBe(text);
    expect(withAlias(text, "nobody-knows-it", undefined)).toBe(text);
  });

  it("is read with what goes on in the next lines, in capital and small letters alike", () => {
    expect(aliasValue(text, "root")).toBe("admin@example.org, second@example.org");
    expect(aliasValue(text, "Postmaster")).toBe("root");
    expect(aliasValue(text, "odd name")).toBe("nobody");
    expect(aliasValue(text, "See man 5 aliases.")).toBeUndefined();
    expect(withAlias(text, "root", "one@example.org")).toBe(
      text.replace("root: admin@example.org,\n\tsecond@example.org", "root: one@example.org"),
    );
  });

  it("has the value that it was given, whatever else is in the file", () => {
    const line = fc.stringMatching(/^[a-z# \t":,|@.-]{0,20}$/);
    fc.assert(
      fc.property(fc.array(line), fc.boolean(), (lines, ends) => {
        const before = lines.join("\n") + (ends ? "\n" : "");
        const after = withAlias(before, "postgres-status", "dba@example.org");
        expect(aliasValue(after, "postgres-status")).toBe("dba@example.org");
        expect(withAlias(after, "postgres-status", "dba@example.org")).toBe(after);
        for (const one of lines.filter((text) => !text.startsWith("postgres-status"))) expect(after).toContain(one);
      }),
      { seed: 1 },
    );
  });
});
