import { join } from "node:path";
import { archiveNames, controlNames } from "../../config/controlDirectory.js";
import type { Host } from "../../hosts/host.js";
import { ArchiveRefused } from "./manifest.js";
import { isPart } from "./write.js";

/** A folder in which an archive is made. */
export interface Folder {
  readonly host: Host;
  readonly path: string;
}

/** What holds locks and says who writes, while an archive is made. */
const tools: readonly string[] = [controlNames.lock, controlNames.lockHolder, controlNames.copyLock];

/** Makes the folder ours: 0700, and marked as unfinished. @throws ArchiveRefused where something else is in it */
export async function takeFolder({ host, path }: Folder): Promise<void> {
  const names = (await host.list(path)) ?? [];
  if (names.includes(archiveNames.manifest)) {
    throw new ArchiveRefused(
      `${path} on ${host.name} holds an archive already: name another folder, or remove that one`,
    );
  }
  const foreign = names.filter((name) => name !== "lost+found" && !tools.includes(name));
  if (foreign.length > 0 && !names.includes(archiveNames.unfinished)) {
    throw new ArchiveRefused(`${path} on ${host.name} is not empty (${foreign[0]}): name a folder of its own`);
  }
  const remedy = `make it there as root: install -d -o ${host.user} -m 0700 ${path}`;
  await host.makeDirectory(path).catch((error: Error) => {
    throw new ArchiveRefused(`${path} cannot be made by ${host.user} (${error.message}): ${remedy}`);
  });
  const { code, stderr } = await host.run(["chmod", "0700", path]);
  if (code !== 0)
    throw new ArchiveRefused(`${path} on ${host.name} cannot be made private (${stderr.trim()}): ${remedy}`);
  if (!names.includes(archiveNames.unfinished)) {
    await host.writeFile(join(path, archiveNames.unfinished), "pgsite archive create is at it, or was cut off here.\n");
  }
}

/** Removes what an attempt has written, but for its mark. */
export async function clearFolder({ host, path }: Folder): Promise<void> {
  for (const name of (await host.list(path)) ?? []) {
    if (isPart(name) || name === archiveNames.stage) await host.remove(join(path, name));
  }
}

/** Leaves an archive and nothing else, or an empty folder where none came about. */
export async function finishFolder({ host, path }: Folder): Promise<void> {
  const names = (await host.list(path).catch(() => undefined)) ?? [];
  const whole = names.includes(archiveNames.manifest);
  if (!whole && names.some(isPart)) return;
  for (const name of [...tools, archiveNames.unfinished]) await host.remove(join(path, name)).catch(() => undefined);
}
