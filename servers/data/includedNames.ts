import type { Host } from "../../hosts/host.js";

/** What include_dir reads of a folder, in the order of the bytes of its names; undefined where there is no such folder. */
export async function includedNames(host: Host, folder: string): Promise<readonly string[] | undefined> {
  if ((await host.stat(folder))?.type !== "directory") return undefined;
  const names = ((await host.list(folder)) ?? []).filter((name) => name.endsWith(".conf") && !name.startsWith("."));
  return names.sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
}
