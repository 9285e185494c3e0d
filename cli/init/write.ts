import { randomBytes } from "node:crypto";
import { link, open, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Writes a new file whole or not at all. @throws if something stands there already: it stays as it is */
export async function writeNew(path: string, text: string): Promise<void> {
  const temporary = join(dirname(path), `.pgsite-${randomBytes(6).toString("hex")}`);
  try {
    const file = await open(temporary, "wx");
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    // A link does not take the place of what is there; a rename would.
    await link(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    throw new Error(alreadyThere(path));
  } finally {
    await rm(temporary, { force: true });
  }
}

export function alreadyThere(path: string): string {
  return `${path} is there already: it stays as it is. Edit it, or choose another --stack`;
}
