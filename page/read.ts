import { printable } from "../postgres/printable.js";
import type { PageReport } from "../servers/page/model.js";

/**
 * A report from its JSON. What nobody sees is written out: a name with a character that turns the direction of the text behind it
 * would rearrange a whole sentence.
 */
export function readReport(text: string): PageReport {
  return JSON.parse(text, (_, value) => (typeof value === "string" ? printable(value) : value)) as PageReport;
}
