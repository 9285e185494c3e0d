import prettyBytes from "pretty-bytes";
import prettyMilliseconds from "pretty-ms";
import type { CopyProgress } from "./progress.js";

const lineInterval = 1000;

/**
 * Says how far a copy is in short lines: the first at once, at most one a second, and the last at its end.
 * @param verb what is done to the bytes
 * @param now milliseconds; for tests
 */
export function lines(
  write: (line: string) => void,
  verb: string = "copied",
  now: () => number = Date.now,
): CopyProgress {
  let total = 0;
  let kept = 0;
  let done = 0;
  let began = 0;
  let last = 0;
  const say = () => {
    last = now();
    write(describe(verb, total, kept, done, last - began));
  };
  return {
    start(all, already) {
      total = all;
      kept = already;
      done = already;
      began = now();
      say();
    },
    advance(bytes) {
      done += bytes;
      if (done < total && now() - last >= lineInterval) say();
    },
    end() {
      say();
    },
  };
}

function describe(verb: string, total: number, kept: number, done: number, took: number): string {
  const share = total === 0 ? 100 : Math.floor((done / total) * 100);
  const rate = took > 0 ? ((done - kept) / took) * 1000 : 0;
  const parts = [`${verb} ${prettyBytes(done)} of ${prettyBytes(total)} (${share} %)`];
  if (rate > 0) parts.push(`${prettyBytes(rate)}/s`);
  if (rate > 0 && done < total)
    parts.push(`${prettyMilliseconds(((total - done) / rate) * 1000, { compact: true })} left`);
  return parts.join(", ");
}
