import { readFileSync } from "node:fs";
import type { Passwords, Site } from "../../config/site.js";
import { seed } from "../../servers/seed.js";

/** A process of its own that seeds a server, for tests that kill it: SITE-FILE SERVER. */
const [file = "", server = ""] = process.argv.slice(2);
const { site, passwords } = JSON.parse(readFileSync(file, "utf8")) as { site: Site; passwords: Passwords };
seed({
  site,
  passwords,
  server,
  report: (line) => process.stdout.write(`${line}\n`),
  progress: { start: () => process.stdout.write("copying\n"), advance: () => undefined, end: () => undefined },
}).then(
  () => process.exit(0),
  (error: Error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  },
);
