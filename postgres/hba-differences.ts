import type { Make } from "./configuration-differences.js";
import type { Difference } from "./differences.js";
import { type HbaEntry, type HbaRule, parseHba, renderHbaLine } from "./hba/index.js";

/** What differs where the rules do not: comments, white space. */
export const hbaText = "the text of pg_hba.conf";

/** How two texts of pg_hba.conf differ in whom they let in: rule by rule, then in their order, then in nothing but comments. */
export function accessDifferences(is: string | undefined, shall: string | undefined, make: Make): Difference[] {
  if (is === undefined || shall === undefined || is === shall) return [];
  const [there, wanted] = [parseHba(is), parseHba(shall)];
  const [left, right] = [there.entries.map(lineOf), wanted.entries.map(lineOf)];
  const extra = there.entries.filter((entry) => !right.includes(lineOf(entry)));
  const found = [
    ...there.problems.map(({ path }) => make(`pg_hba.conf ${path}`, "not a rule", "reload")),
    ...extra.map((entry) => make(`pg_hba.conf line ${entry.line}, ${lineOf(entry)},`, judged(entry.rule), "reload")),
    ...right.filter((line) => !left.includes(line)).map((line) => make(`pg_hba.conf ${line}`, "missing", "reload")),
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

/** Options whose values are secrets. */
const secrets = /passw|secret/i;

function lineOf({ rule, include }: HbaEntry): string {
  if (rule === undefined) return `"${include?.directive} ${include?.path}"`;
  const options = rule.options.map(({ name, value }) => ({ name, value: secrets.test(name) ? "…" : value }));
  return `"${renderHbaLine({ ...rule, options })}"`;
}
