import { upgradePath } from "../../config/controlDirectory.js";
import type { Server } from "../../config/site.js";
import type { CopyProgress } from "../baseBackup/progress.js";
import { lines } from "../baseBackup/progressLines.js";
import type { Journal } from "./journal.js";
import { versionFolders } from "./prepare.js";
import type { Workplace } from "./private.js";

/** Begins to say how far something is; what it returns ends that. */
export type Advance = () => () => void;

/** Looks at how many bytes are there again and again, rarely where looking takes its time, and says it. */
export function advancing(
  what: string,
  total: number,
  measure: () => Promise<number | undefined>,
  say: (line: string) => Promise<void> | void,
): Advance {
  return showing(
    lines((line) => void say(line), what),
    total,
    measure,
  );
}

/** The same for whoever shows it in his own way. */
export function showing(progress: CopyProgress, total: number, measure: () => Promise<number | undefined>): Advance {
  return () => {
    let timer: NodeJS.Timeout | undefined;
    let ended = false;
    let done = 0;
    const look = async () => {
      const began = Date.now();
      const now = await measure().catch(() => undefined);
      if (ended) return;
      if (now !== undefined && now > done) {
        progress.advance(Math.min(now, total) - done);
        done = Math.min(now, total);
      }
      timer = setTimeout(() => void look(), Math.max(2000, 20 * (Date.now() - began)));
    };
    progress.start(total, 0);
    timer = setTimeout(() => void look(), 2000);
    return () => {
      ended = true;
      clearTimeout(timer);
      progress.end();
    };
  };
}

/** Bytes of the new cluster, tablespaces too. */
export async function newBytes(at: Workplace, server: Server, journal: Journal): Promise<number | undefined> {
  const apart = await Promise.all(journal.tablespaces.map((folder) => versionFolders(at.host, folder, journal.to)));
  const folders = [upgradePath(server, "new"), ...apart.flat()];
  const { stdout } = await at.host.run(["du", "-sb", "--", ...folders], { timeout: 600_000 });
  const sizes = stdout.split("\n").flatMap((line) => (/^\d+/.test(line) ? [Number.parseInt(line, 10)] : []));
  return sizes.length === 0 ? undefined : sizes.reduce((sum, one) => sum + one, 0);
}
