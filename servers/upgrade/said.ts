import { shownInLine } from "../../postgres/shown.js";

/** The last of what a program said, in one line, for an error. */
export function tail(text: string, lines = 12): string {
  const said = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !/^-+$/.test(line));
  return said.length === 0 ? "it says nothing of why" : said.slice(-lines).map(shownInLine).join("; ");
}
