import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Sibling } from "../config/siblings.js";

/** The other stack files of a project's folder. */
export async function siblingsOf(stack: string, folder: string): Promise<readonly Sibling[]> {
  const names = await readdir(folder);
  const found = names.flatMap((file) => {
    const name = /^Pulumi\.(.+)\.yaml$/.exec(file)?.[1];
    return name === undefined || name === stack ? [] : [{ name, file }];
  });
  return Promise.all(
    found.map(async ({ name, file }) => ({ stack: name, text: await readFile(join(folder, file), "utf8") })),
  );
}
