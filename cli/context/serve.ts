import { rmSync } from "node:fs";
import { createServer } from "node:net";
import * as pulumi from "@pulumi/pulumi";
import type { Passwords, Site } from "../../config/site.js";
import { withAuthority } from "../../config/tls.js";
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
export function serveHandover(
  site: Site,
  passwordOf: (role: string) => pulumi.Output<string> | undefined,
  authority: pulumi.Output<string> | undefined,
): void {
  const roles = [...new Set([site.administrator, site.replicationRole])];
  const passwords = pulumi.all(roles.map((role) => passwordOf(role) ?? pulumi.output(undefined)));
  const handover = new Promise<Handover>((resolve) =>
    pulumi.all([passwords, authority]).apply(([known, own]) => {
      const given = roles
        .map((role, index) => [role, known[index]] as const)
        .filter(([, password]) => password !== undefined);
      resolve({ site: withAuthority(site, own), passwords: Object.fromEntries(given) as Passwords });
    }),
  );
  const path = handoverSocket(site.stack);
  rmSync(path, { force: true });
  const server = createServer((connection) => {
    connection.unref();
    connection.on("error", () => connection.destroy());
    void handover.then((value) => connection.write(`${JSON.stringify(value)}\n`));
  });
  server.listen({ path, readableAll: false, writableAll: false });
  server.unref();
  process.once("exit", () => rmSync(path, { force: true }));
}
