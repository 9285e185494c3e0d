import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { rehearsal } from "../../config/schema.js";
import { notOurs } from "../../toolchain/ownFolder.mjs";

const record = z.strictObject({
  name: z.string(),
  checkout: z.string(),
  stacks: z.array(z.string().regex(/^[A-Za-z0-9._-]+$/)).min(1),
  postgresql: z.string(),
  rehearsal: rehearsal.required({ binaries: true }),
});

/** What a rehearsal keeps of itself: which stacks, with which programs, where. */
export type RehearsalRecord = z.infer<typeof record>;

const file = (folder: string) => join(folder, "rehearsal.json");

/**
 * The record of the rehearsal `name` in its folder, undefined where there is none yet. @throws where it is not ours, or not
 * one of that rehearsal: programs are run by what it says
 */
export async function readRecord(folder: string, name: string): Promise<RehearsalRecord | undefined> {
  const path = file(folder);
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const stranger = notOurs(path);
  const read = stranger === undefined ? parsed(text, folder, name) : stranger;
  if (typeof read === "object") return read;
  throw new Error(`${path} is not used: ${read}. To begin anew: rm -r ${folder}`);
}

/** Whole or not at all. */
export async function writeRecord(folder: string, content: RehearsalRecord): Promise<void> {
  const temporary = `${file(folder)}.new`;
  await writeFile(temporary, JSON.stringify(content, undefined, 2), { mode: 0o600 });
  await rename(temporary, file(folder));
}

/** The record, or what is wrong with it. */
function parsed(text: string, folder: string, name: string): RehearsalRecord | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "it is no JSON";
  }
  const { success, error, data } = record.safeParse(value);
  if (!success) return error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
  if (data.name !== name) return `it is of the rehearsal ${JSON.stringify(data.name)}`;
  if (data.rehearsal.folder !== join(folder, "hosts")) return `it names the folder ${data.rehearsal.folder}`;
  return data;
}
