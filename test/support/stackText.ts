import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkout } from "../../toolchain/paths.mjs";

/** A committed stack file, with text replaced. @throws where what is to be replaced is not there */
export function stackText(stack: string, replacements: Readonly<Record<string, string>> = {}): string {
  return replaced(readFileSync(join(checkout, `Pulumi.${stack}.yaml`), "utf8"), replacements);
}

/** @throws where what is to be replaced is not there */
export function replaced(text: string, replacements: Readonly<Record<string, string>>): string {
  return Object.entries(replacements).reduce((result, [from, to]) => {
    if (!result.includes(from)) throw new Error(`the stack file has no "${from}"`);
    return result.replaceAll(from, to);
  }, text);
}
