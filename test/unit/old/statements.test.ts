import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkout } from "../../../toolchain/paths.mjs";
import { askedOf } from "../../support/askedSql.js";
import { oldWords } from "../../support/oldFixtures.js";

/** What a statement names that the catalogue has to know: no strings, no quoted names, nothing that it names itself. */
function namedIn(sql: string): readonly string[] {
  const bare = sql
    .replace(/--.*$/gm, "")
    .replace(/E?'(?:[^']|'')*'/g, " '' ")
    .replace(/"[^"]*"/g, " ")
    .replace(/\bextract\(\w+ from\b/gi, "extract(");
  const words = (pattern: RegExp) => [...bare.matchAll(pattern)].map(([, word = ""]) => word.toLowerCase());
  // Columns and relations that the statement itself names: `… as x`, `from pg_class c`, `with x as (`, `) x`.
  const own = new Set([
    ...words(/\bas\s+(?:materialized\s+)?([a-z_]\w*)/gi),
    ...words(/\b([a-z_]\w*)\s+as\s+(?:materialized\s+)?\(/gi),
    ...words(/\b(?:from|join|,)\s+(?:pg_catalog\.)?pg_\w+\s+([a-z_]\w*)/gi),
    ...words(/\)\s+([a-z_]\w*)/gi),
  ]);
  return words(/\b([a-z_]\w*)\b/gi).filter((word) => !own.has(word) && word.length > 2);
}

describe.each(oldWords())("what pgsite asks a server of $version", ({ major, names }) => {
  it("names nothing that it does not have", () => {
    const known = names();
    expect(known.size).toBeGreaterThan(3000);
    const unknown = askedOf(major).flatMap((sql) => namedIn(sql).filter((word) => !known.has(word)));
    expect([...new Set(unknown)]).toEqual([]);
  });
});

/** Grammar that came after 9.0, and that no catalogue has a name for. */
const later = [
  { since: "9.1", pattern: /\bcreate\s+(?:unlogged\s+)?table\s+if\s+not\s+exists\b/i },
  { since: "9.3", pattern: /\bcreate\s+schema\s+if\s+not\s+exists\b/i },
  { since: "9.3", pattern: /(?:\bjoin|,)\s+lateral\b/i },
  { since: "9.4", pattern: /\)\s+filter\s+\(where\b/i },
  { since: "9.4", pattern: /\bwith\s+ordinality\b/i },
  { since: "9.5", pattern: /\bon\s+conflict\b/i },
  { since: "9.5", pattern: /\bcreate\s+index\s+(?:concurrently\s+)?if\s+not\s+exists\b/i },
];

/** Rooms that talk to servers of any version. What comes after an upgrade (installed/migrate) talks to the new server. */
const rooms = ["cli", "components", "installed", "page", "postgres", "preflight", "provider", "servers"];

describe("what pgsite says to servers of any version", () => {
  const files = rooms
    .flatMap((room) => readdirSync(join(checkout, room), { recursive: true }).map((file) => join(room, `${file}`)))
    .filter((file) => /(?:\.(?:ts|sh|sql)|\/[a-z]+)$/.test(file) && !file.startsWith("installed/migrate/"))
    .filter((file) => statSync(join(checkout, file)).isFile());

  it.each(later)("has no grammar of $since: $pattern", ({ pattern }) => {
    expect(files.length).toBeGreaterThan(200);
    expect(files.filter((file) => pattern.test(readFileSync(join(checkout, file), "utf8")))).toEqual([]);
  });
});
