import { controlPath, upgradePath } from "../../config/controlDirectory.js";
import type { Server } from "../../config/site.js";
import type { Way } from "../../postgres/upgrade/model.js";
import { freeBytes } from "../data/freeSpace.js";
import type { Journal } from "./journal.js";
import { versionFolders } from "./prepare.js";
import type { Workplace } from "./private.js";
import { repeatedly } from "./progress.js";

/** What an upgrade takes on the disk beside the old data, as the disk has it. */
export interface Space {
  /** Looks now. Bytes; undefined where the host does not say. */
  look(): Promise<number | undefined>;
  /** Looks again and again, until what it returns is called. */
  watch(): () => void;
  /** The most that was seen. */
  most(): number;
}

/** @param way decides what is counted: files that both versions have take nothing, and blocks that they share only the file system knows of */
export async function spaceOf(at: Workplace, server: Server, journal: Journal, way: Way): Promise<Space> {
  const { host } = at;
  const { dataDirectory } = server;
  const before = way === "clone" ? await freeBytes(host, dataDirectory) : undefined;
  let most = 0;
  const look = async () => {
    const folders = async (version: string) =>
      (await Promise.all(journal.tablespaces.map((folder) => versionFolders(host, folder, version)))).flat();
    // du counts a file that it has met already no second time.
    const old = way === "link" ? [dataDirectory, ...(await folders(journal.from))] : [];
    const made = [controlPath(server, "upgrade"), ...(await folders(journal.to))];
    const { stdout } = await host.run(["du", "-sk", "--", ...old, ...made], { timeout: 600_000 });
    const sizes = stdout.split("\n").flatMap((line) => (/^\d+/.test(line) ? [Number.parseInt(line, 10) * 1024] : []));
    if (sizes.length !== old.length + made.length) return undefined;
    const files = sizes.slice(old.length).reduce((sum, one) => sum + one, 0);
    const now = before === undefined ? undefined : await freeBytes(host, dataDirectory);
    const taken = before === undefined || now === undefined ? files : Math.min(files, Math.max(0, before - now));
    most = Math.max(most, taken);
    return taken;
  };
  return {
    look,
    most: () => most,
    watch: () =>
      repeatedly(async () => {
        await look().catch(() => undefined);
        return () => undefined;
      }),
  };
}

/** Whether files of the new cluster are those of the old one: only a link does that. */
export async function sharesFiles({ host }: Pick<Workplace, "host">, server: Server): Promise<boolean> {
  const script = 'find "$1/base" -type f -links +1 | head -n 1';
  const { stdout } = await host.run(["sh", "-c", script, "sh", upgradePath(server, "new")], { timeout: 600_000 });
  return stdout.trim() !== "";
}
