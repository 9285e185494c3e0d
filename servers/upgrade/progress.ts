import type { CopyProgress } from "../baseBackup/progress.js";
import { lines } from "../baseBackup/progressLines.js";

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
    let done = 0;
    progress.start(total, 0);
    const stop = repeatedly(async () => {
      const now = await measure().catch(() => undefined);
      return () => {
        if (now === undefined || now <= done) return;
        progress.advance(Math.min(now, total) - done);
        done = Math.min(now, total);
      };
    });
    return () => {
      stop();
      progress.end();
    };
  };
}

/** Looks again and again, with pauses as long as a look needs. What a look gives is done unless all has ended meanwhile. @returns the end */
export function repeatedly(look: () => Promise<() => void>): () => void {
  let ended = false;
  let timer: NodeJS.Timeout | undefined;
  const again = async () => {
    const began = Date.now();
    const act = await look();
    if (ended) return;
    act();
    timer = setTimeout(() => void again(), Math.max(2000, 20 * (Date.now() - began)));
  };
  timer = setTimeout(() => void again(), 2000);
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
