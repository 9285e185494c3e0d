import { shownInLine } from "../../postgres/shown.js";

/** Something of a cluster that its copy has otherwise. */
interface Difference {
  readonly what: string;
  readonly before?: string;
  readonly after?: string;
}

/** The first ten of what two clusters have otherwise, and how much that is in all. @param between both of them */
export function contentDifferencesInWords(differences: readonly Difference[], between: string): string {
  const some = differences
    .slice(0, 10)
    .map(({ what, before, after }) => `${what}: ${before ?? "nothing"}, then ${after ?? "nothing"}`)
    .map(shownInLine)
    .join("; ");
  return `${differences.length} differences between ${between}: ${some}`;
}
