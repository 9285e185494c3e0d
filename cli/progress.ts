import { SingleBar } from "cli-progress";
import prettyBytes from "pretty-bytes";
import prettyMilliseconds from "pretty-ms";
import type { CopyProgress } from "../servers/baseBackup/progress.js";

const lineInterval = 1000;

/**
 * Shows how far a copy is: a bar on a terminal, else short lines, the first at once and at most one a second.
 * @param verb what is done to the bytes
 */
export function showProgress(stream: NodeJS.WriteStream = process.stderr, verb = "copied"): CopyProgress {
  return stream.isTTY ? bar(stream) : lines((line) => stream.write(`${line}\n`), Date.now, verb);
}

/** @param now milliseconds; for tests */
export function lines(
  write: (line: string) => void,
  now: () => number = Date.now,
  verb: string = "copied",
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

function bar(stream: NodeJS.WriteStream): CopyProgress {
  const single = new SingleBar({
    stream,
    format: "{bar} {percentage} % | {done} of {whole} | {rate}/s | {left} left",
    hideCursor: true,
    clearOnComplete: true,
  });
  let total = 0;
  let kept = 0;
  let done = 0;
  let began = 0;
  const payload = () => {
    const took = Date.now() - began;
    const rate = took > 0 ? ((done - kept) / took) * 1000 : 0;
    return {
      done: prettyBytes(done),
      whole: prettyBytes(total),
      rate: prettyBytes(rate),
      left: rate > 0 ? prettyMilliseconds(((total - done) / rate) * 1000, { compact: true }) : "?",
    };
  };
  return {
    start(all, already) {
      total = all;
      kept = already;
      done = already;
      began = Date.now();
      single.start(total, done, payload());
    },
    advance(bytes) {
      done += bytes;
      single.update(done, payload());
    },
    end() {
      single.stop();
    },
  };
}
