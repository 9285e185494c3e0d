import { Transform } from "node:stream";
import { quietSeconds } from "./methods.js";

/** A rate in bytes a second that several streams share. */
export class Throttle {
  #free = 0;

  constructor(private readonly rate: number) {}

  /** Resolves when so many bytes more may have passed. */
  async take(bytes: number): Promise<void> {
    const now = performance.now();
    this.#free = Math.max(this.#free, now) + (bytes / this.rate) * 1000;
    await new Promise((resolve) => setTimeout(resolve, this.#free - now));
  }
}

/** What a copy through us flows through: no faster than the throttle, and broken off where nothing comes any more. */
export function valve(throttle: Throttle | undefined): Transform {
  const quiet = () => stream.destroy(new Error(`no byte has come or gone for ${quietSeconds} s`));
  const timer = setTimeout(quiet, quietSeconds * 1000);
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      timer.refresh();
      if (throttle === undefined) done(null, chunk);
      else throttle.take(chunk.length).then(() => done(null, chunk), done);
    },
    destroy(error, done) {
      clearTimeout(timer);
      done(error);
    },
  });
  return stream;
}
