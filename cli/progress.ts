import { SingleBar } from "cli-progress";
import prettyBytes from "pretty-bytes";
import prettyMilliseconds from "pretty-ms";
import type { CopyProgress } from "../servers/baseBackup/progress.js";
import { lines } from "../servers/baseBackup/progressLines.js";

/**
 * Shows how far a copy is: a bar on a terminal, else short lines, the first at once and at most one a second.
 * @param verb what is done to the bytes
 */
export function showProgress(stream: NodeJS.WriteStream = process.stderr, verb = "copied"): CopyProgress {
  return stream.isTTY ? bar(stream) : lines((line) => stream.write(`${line}\n`), verb);
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
