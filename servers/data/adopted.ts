import { createHash } from "node:crypto";
import * as z from "zod";
import { controlPath, type Directories } from "../../config/controlDirectory.js";
import type { Host } from "../../hosts/host.js";
import { includedNames } from "./includedNames.js";

/**
 * What `pgsite import` leaves beside a hand-made server's data directory: `adopted.json` says which text of pgsite's each
 * hand-written file stands for, as long as not one byte of it changes. So the files stay as their administrator wrote
 * them until the stack file first asks for something else; copies of them lie in `adopted/` for good.
 */
const recordSchema = z.object({
  groups: z.array(
    z.object({
      /** SHA-256 by absolute path of every file that has a say; null where there was none. */
      found: z.record(z.string(), z.string().nullable()),
      /** The declared text by name in the data directory; null where no file is declared. */
      standsFor: z.record(z.string(), z.string().nullable()),
      /** "0644 postgres" by name, as found. */
      permissions: z.record(z.string(), z.string()),
      /** What the running server had otherwise than declared, by setting. */
      runs: z.record(z.string(), z.string()),
      /** By folder that include_dir names: what counted of it. */
      folders: z.record(z.string(), z.array(z.string())).optional(),
    }),
  ),
});

export type Adopted = z.output<typeof recordSchema>;
export type AdoptedGroup = Adopted["groups"][number];

/** What hand-written files that nobody touched stand for. */
export interface StandIns {
  readonly files: Readonly<Record<string, string | null>>;
  readonly permissions: Readonly<Record<string, string>>;
  readonly runs: Readonly<Record<string, string>>;
}

const none: StandIns = { files: {}, permissions: {}, runs: {} };

export function hashOfBytes(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

export async function writeAdopted(host: Host, { controlDirectory }: Directories, adopted: Adopted): Promise<void> {
  await host.makeDirectory(controlDirectory);
  await host.writeFile(controlPath({ controlDirectory }, "adopted"), `${JSON.stringify(adopted, undefined, 2)}\n`);
}

/** The hand-written files that are still as they were found; nothing where no server was adopted. */
export async function standIns(host: Host, directories: Directories): Promise<StandIns> {
  const adopted = await readAdopted(host, directories);
  if (adopted === undefined) return none;
  const intact = await Promise.all(adopted.groups.map((group) => isIntact(host, group)));
  const groups = adopted.groups.filter((_, index) => intact[index]);
  return {
    files: Object.assign({}, ...groups.map(({ standsFor }) => standsFor)) as StandIns["files"],
    permissions: Object.assign({}, ...groups.map(({ permissions }) => permissions)) as StandIns["permissions"],
    runs: Object.assign({}, ...groups.map(({ runs }) => runs)) as StandIns["runs"],
  };
}

/**
 * Before files are written: what belongs together with one of them is from now on taken for what it is. Else a crash
 * between two files could leave a rest that still passes for what it stood for.
 * @returns the files that stood for others until now: they are to be written, mode and owner too
 */
export async function forgetStandIns(
  host: Host,
  directories: Directories,
  names: readonly string[],
): Promise<readonly string[]> {
  const adopted = await readAdopted(host, directories);
  if (adopted === undefined) return [];
  const groups = adopted.groups.filter(({ standsFor }) => !names.some((name) => name in standsFor));
  if (groups.length < adopted.groups.length) await writeAdopted(host, directories, { groups });
  return adopted.groups.filter((group) => !groups.includes(group)).flatMap(({ standsFor }) => Object.keys(standsFor));
}

async function readAdopted(host: Host, { controlDirectory }: Directories): Promise<Adopted | undefined> {
  const path = controlPath({ controlDirectory }, "adopted");
  const content = await host.readFile(path);
  if (content === undefined) return undefined;
  try {
    return recordSchema.parse(JSON.parse(content.toString("utf8")));
  } catch {
    throw new Error(
      `${path} on ${host.name} is not a record that pgsite wrote: remove it, and the files count as they are`,
    );
  }
}

async function isIntact(host: Host, { found, folders = {} }: AdoptedGroup): Promise<boolean> {
  const same = await Promise.all([
    ...Object.entries(folders).map(async ([folder, names]) => `${await includedNames(host, folder)}` === `${names}`),
    ...Object.entries(found).map(async ([path, hash]) => {
      const content = await host.readFile(path);
      return hash === null ? content === undefined : content !== undefined && hashOfBytes(content) === hash;
    }),
  ]);
  return same.every(Boolean);
}
