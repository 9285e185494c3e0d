import type { Difference, Found, Make } from "../differences.js";
import { maskedAt, secretsInAccess } from "../secrets/index.js";
import type { Major } from "../versions.js";
import { type HbaEntry, type HbaRule, parseHba, renderHbaLine } from "./hba/index.js";

const file = "pg_hba.conf";

/** How two texts of pg_hba.conf differ in whom they let in: rule by rule, then in their order, then in nothing but comments. */
export function accessDifferences(
  major: Major,
  is: string | undefined,
  shall: string | undefined,
  make: Make,
): Difference[] {
  if (is === undefined || shall === undefined || is === shall) return [];
  const [there, wanted] = [parseHba(is, { major }), parseHba(shall, { major })];
  const [left, right] = [there.entries.map(lineOf), wanted.entries.map(lineOf)];
  const extra = there.entries.filter((entry) => !right.includes(lineOf(entry)));
  const missing = wanted.entries.filter((entry) => !left.includes(lineOf(entry)));
  const [extraShown, missingShown] = [extra.map(shownLine), missing.map(shownLine)];
  // A rule that is there with another secret is said once.
  const found = [
    ...there.problems.map(({ path }) => make({ kind: "line", file, line: path }, { is: "no rule" }, "reload")),
    ...extra.map((entry, index) => {
      const rule = extraShown[index] as string;
      const said: Found = missingShown.includes(rule) ? { is: "another secret" } : judged(entry.rule);
      return make({ kind: "rule", rule, line: entry.line }, said, "reload");
    }),
    ...missingShown
      .filter((rule) => !extraShown.includes(rule))
      .map((rule) => make({ kind: "rule", rule }, { is: "missing" }, "reload")),
  ];
  if (found.length > 0) return found;
  if (left.join("\n") !== right.join("\n")) return [make({ kind: "rule order" }, { is: "another order" }, "reload")];
  // Comments and white space differ; read again, so that its rules are seen to be those in force.
  return [make({ kind: "file text", file }, { is: "same meaning" }, "reload")];
}

function judged(rule: HbaRule | undefined): Found {
  return { is: "undeclared", open: rule?.method === "trust" };
}

function lineOf({ rule, include }: HbaEntry): string {
  return rule === undefined ? `"${include?.directive} ${include?.path}"` : `"${renderHbaLine(rule)}"`;
}

function shownLine(entry: HbaEntry): string {
  const line = lineOf(entry);
  return maskedAt(line, secretsInAccess(line)).text;
}
