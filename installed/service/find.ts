import { serviceName } from "../../config/schema/service.js";
import type { Host } from "../../hosts/host.js";
import { findManager, namesDirectory, unitFolders } from "./manager.js";
import { upIn } from "./runLevels.js";
import { isWanted } from "./wants.js";

/** A service that somebody made, and what of it a stack file says. */
export interface FoundService {
  readonly name: string;
  /** System V only: the run levels in which it is up. */
  readonly runLevels?: readonly number[];
}

/** The service that starts a data directory with its machine, whoever made it. */
export async function findService(host: Host, dataDirectory: string): Promise<FoundService | undefined> {
  const manager = await findManager(host);
  if (manager === "none") return undefined;
  const places = manager === "systemd" ? unitFolders : ["/etc/init.d"];
  const { stdout } = await host.run(["grep", "-rlsF", "-e", dataDirectory, "--", ...places]);
  for (const path of stdout.split("\n").filter((line) => line !== "")) {
    const name = /([^/]+?)(\.service(\.d\/[^/]+)?)?$/.exec(path)?.[1] ?? "";
    const text = (await host.readFile(path))?.toString("utf8") ?? "";
    if (!serviceName.test(name) || !namesDirectory(text, dataDirectory)) continue;
    const levels = manager === "sysv" ? await upIn(host, name) : [];
    if (manager === "sysv" && levels.length > 0) return { name, runLevels: levels };
    if (manager === "systemd" && (await isWanted(host, name))) return { name };
  }
  return undefined;
}
