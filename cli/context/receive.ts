import { createConnection } from "node:net";
import { createInterface } from "node:readline";
import { servedSockets } from "./place.js";
import type { Handover } from "./serve.js";

/** A handover as a command holds it: `signal` fires when the `up` that serves it is gone. */
export interface ReceivedHandover extends Handover {
  readonly signal: AbortSignal;
}

const deadline = 20_000;

/** Asks the running `up` of a stack for its handover; undefined where no `up` of it is running. */
export async function receiveHandover(stack: string): Promise<ReceivedHandover | undefined> {
  for (const path of servedSockets(stack)) {
    const received = await receiveFrom(path);
    if (received !== undefined) return received;
  }
  return undefined;
}

async function receiveFrom(path: string): Promise<ReceivedHandover | undefined> {
  const gone = new AbortController();
  const connection = createConnection({ path });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      connection.destroy();
      reject(new Error(`the running pulumi did not hand the site over within ${deadline / 1000} s`));
    }, deadline);
    connection.once("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      // A socket that nobody serves is left over from an `up` that was killed.
      if (error.code === "ECONNREFUSED" || error.code === "ENOENT") resolve(undefined);
      else reject(error);
    });
    connection.once("close", () => {
      clearTimeout(timer);
      gone.abort(new Error("the pulumi that this command belongs to has ended"));
      reject(new Error("the pulumi that this command belongs to has ended"));
    });
    createInterface({ input: connection }).once("line", (line) => {
      clearTimeout(timer);
      connection.unref();
      resolve({ ...(JSON.parse(line) as Handover), signal: gone.signal });
    });
  });
}
