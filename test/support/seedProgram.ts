import { readFileSync } from "node:fs";
import type { Passwords, Site } from "../../config/site.js";
import { closeSessions } from "../../hosts/shell/sessions.js";
import { seed } from "../../servers/seed/seed.js";

/** A process of its own that seeds a server, for tests that kill it or run it elsewhere: SITE-FILE SERVER. */
const [file = "", server = ""] = process.argv.slice(2);
const { site, passwords } = JSON.parse(readFileSync(file, "utf8")) as { site: Site; passwords: Passwords };
const say = (line: string) => process.stdout.write(`${line}\n`);
let done = 0;
seed({
  site,
  passwords,
  server,
  report: say,
  progress: {
    start: (_total, already) => {
      done = already;
      say("copying");
    },
    advance: (bytes) => {
      done += bytes;
      say(`at ${done}`);
    },
    end: () => undefined,
  },
})
  .then((outcome) => {
    say(`outcome ${JSON.stringify(outcome)}`);
    return 0;
  })
  .catch((error: Error) => {
    process.stderr.write(`${error.message}\n`);
    return 1;
  })
  .then(async (code) => {
    await closeSessions();
    process.exit(code);
  });
