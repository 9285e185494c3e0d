import type { Difference, Make } from "../differences.js";
import { anotherSecret, maskedAt, secretsInAccess } from "../secrets/index.js";
import { type HbaEntry, type HbaRule, parseHba, renderHbaLine } from "./hba/index.js";

/** What differs where the rules do not: comments, white space. */
export const hbaText = "the text of pg_hba.conf";

/** How two texts of pg_hba.conf differ in whom they let in: rule by rule, then in their order, then in nothing but comments. */
export function accessDifferences(is: string | undefined, shall: string | undefined, make: Make): Difference[] {
  if (is === undefined || shall === undefined || is === shall) return [];
  const [there, wanted] = [parseHba(is), parseHba(shall)];
  const [left, right] = [there.entries.map(lineOf), wanted.entries.map(lineOf)];
  const extra = there.entries.filter((entry) => !right.includes(lineOf(entry)));
  const missing = wanted.entries.filter((entry) => !left.includes(lineOf(entry)));
  const [extraShown, missingShown] = [extra.map(shownLine), missing.map(shownLine)];
  // A rule that is there with another secret is said once.
  const found = [
    ...there.problems.map(({ path }) => make(`pg_hba.conf ${path}`, "not a rule", "reload")),
    ...extra.map((entry, index) => {
      const line = extraShown[index] as string;
      const said = missingShown.includes(line) ? `there ${anotherSecret}` : judged(entry.rule);
      return make(`pg_hba.conf line ${entry.line}, ${line},`, said, "reload");
    }),
    ...missingShown
      .filter((line) => !extraShown.includes(line))
      .map((line) => make(`pg_hba.conf ${line}`, "missing", "reload")),
  ];
  if (found.length > 0) return found;
  if (left.join("\n") !== right.join("\n")) {
    return [make("the order of rules in pg_hba.conf", "not as declared (the first that matches decides)", "reload")];
  }
  // Read again, so that its rules are seen to be those in force.
  return [make(hbaText, "not as declared, and means the same", "reload")];
}

function judged(rule: HbaRule | undefined): string {
  const open = rule?.method === "trust" ? ", lets in without a password," : "";
  return `there${open} and not declared`;
}

function lineOf({ rule, include }: HbaEntry): string {
  return rule === undefined ? `"${include?.directive} ${include?.path}"` : `"${renderHbaLine(rule)}"`;
}

function shownLine(entry: HbaEntry): string {
  const line = lineOf(entry);
  return maskedAt(line, secretsInAccess(line)).text;
}
