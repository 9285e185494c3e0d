import { dirname, join } from "node:path";
import { controlPath } from "../../config/controlDirectory.js";
import { hashOf } from "../../hosts/digest.js";
import type { Host, HostSpec } from "../../hosts/host.js";
import { octal } from "../../hosts/permissions.js";
import { normalised } from "../../postgres/files/facts.js";
import { type Folders, fileOf, isConfiguration } from "../../postgres/files/places.js";
import { maskedFile, secretsInFile } from "../../postgres/secrets/index.js";

/** Files of a server by name. */
export type Files = Readonly<Record<string, string>>;

/** Where configuration waits for the rollout. */
export function stagedDirectory(controlDirectory: string): string {
  return controlPath({ controlDirectory }, "staged");
}

export function hashesOf(files: Files): Record<string, string> {
  return Object.fromEntries(
    Object.entries(files)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([name, content]) => [name, hashOf(content)]),
  );
}

/** One value for all of a server's files, without their secrets: these could be guessed from it. */
export function shownHash(files: Files): string {
  const shown = Object.entries(files).map(([name, text]) => [name, maskedFile(name, text).text] as const);
  return hashOf(JSON.stringify(hashesOf(Object.fromEntries(shown))));
}

/**
 * Mode of a server's file. In a folder of its own configuration is as distributions have it: everybody's programs read there
 * which port a server has, and nobody's a secret.
 */
export function modeOf(folders: Folders, name: string, text = ""): number {
  if (folders.configurationDirectory === undefined || !isConfiguration(name)) return 0o600;
  if (secretsInFile(name, text).length > 0) return 0o600;
  return name === "pg_hba.conf" || name === "pg_ident.conf" ? 0o640 : 0o644;
}

/** Mode and owner of a server's file. */
export function declaredPermissions(
  server: Folders & { readonly host: Pick<HostSpec, "user"> },
  name: string,
  text?: string,
): string {
  return `${octal(modeOf(server, name, text))} ${server.host.user}`;
}

/** Puts a file of a server where it belongs. */
export async function writeServerFile(host: Host, folders: Folders, name: string, text: string): Promise<void> {
  const path = fileOf(folders, name);
  if (name.includes("/"))
    await makeFolder(host, dirname(path), folders.configurationDirectory === undefined ? 0o700 : 0o755);
  await host.writeFile(path, text, { mode: modeOf(folders, name, text) });
}

/** The files that are there, of those named; each as pgsite compares it. */
export async function readFiles(
  host: Host,
  folders: Folders,
  names: readonly string[],
): Promise<Record<string, string>> {
  const found = await Promise.all(
    [...new Set(names)].sort().map(async (name) => [name, await readFile(host, fileOf(folders, name), name)] as const),
  );
  return Object.fromEntries(found.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** A file as pgsite compares it; undefined where it is not there. */
export async function readFile(host: Host, path: string, name: string): Promise<string | undefined> {
  const content = await host.readFile(path);
  return content === undefined ? undefined : normalised(name, content.toString("utf8"));
}

/** Lays files down for the rollout; those staged before that are not wanted any more go away. */
export async function stage(host: Host, controlDirectory: string, files: Files): Promise<void> {
  const directory = stagedDirectory(controlDirectory);
  await host.makeDirectory(directory);
  for (const name of (await host.list(directory)) ?? []) {
    if (!(name in files)) await host.remove(join(directory, name));
  }
  for (const [name, content] of Object.entries(files)) {
    if (name.includes("/")) await makeFolder(host, dirname(join(directory, name)), 0o700);
    await host.writeFile(join(directory, name), content);
  }
}

/** One that is there keeps its mode. */
async function makeFolder(host: Host, path: string, mode: number): Promise<void> {
  if ((await host.stat(path)) === undefined) await host.makeDirectory(path, mode);
}
