import { rmSync } from "node:fs";
import { createServer } from "node:net";
import type { Passwords, Site } from "../config/site.js";
import { handoverSocket } from "./place.js";

/** What a command that runs during an `up` needs to know, beside the name of its server. */
export interface Handover {
  readonly site: Site;
  readonly passwords: Passwords;
}

/**
 * Serves the handover to the commands of this `up`, until this process ends. A connection stays open for as long
 * as we live: by its end a command knows that its `up` is gone. Keeps the process alive no longer than it would be.
 */
export function serveHandover(stack: string, handover: Promise<Handover>): void {
  // The commands that ask may come before the passwords are known; a failure is theirs to report.
  handover.catch(() => undefined);
  const path = handoverSocket(stack);
  rmSync(path, { force: true });
  const server = createServer((connection) => {
    connection.unref();
    connection.on("error", () => connection.destroy());
    handover.then(
      (value) => connection.write(`${JSON.stringify(value)}\n`),
      () => connection.destroy(),
    );
  });
  server.listen({ path, readableAll: false, writableAll: false });
  server.unref();
  process.once("exit", () => rmSync(path, { force: true }));
}
