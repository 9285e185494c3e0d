import { readFileSync } from "node:fs";
import type { Passwords, Site } from "../../config/site.js";
import { hostOf } from "../../hosts/index.js";
import { closeSessions } from "../../hosts/shell/sessions.js";
import type { Fork } from "../../postgres/rollout/diverged.js";
import { lines } from "../../servers/baseBackup/progressLines.js";
import { withLock } from "../../servers/data/lock.js";
import { decideRejoin } from "../../servers/rejoin/decide.js";
import { rejoinServer } from "../../servers/rejoin/index.js";
import { serverNamed } from "../../servers/sql/login.js";

/** Rejoins a server as the rollout does: FILE has the site, the passwords and the fork. Prints what was planned, said and done. */
async function main([file = "", name = ""]: readonly string[]): Promise<void> {
  const { site, passwords, fork } = JSON.parse(readFileSync(file, "utf8")) as {
    readonly site: Site;
    readonly passwords: Passwords;
    readonly fork: Fork;
  };
  const memberOf = (one: string) => ({ server: serverNamed(site, one), host: hostOf(serverNamed(site, one).host) });
  const diverged = { member: memberOf(name), primary: memberOf(fork.primary), fork };
  const rejoin = await decideRejoin(diverged, { fullPageWrites: true });
  const report = (line: string) => void process.stdout.write(`${line}\n`);
  report(`planned ${rejoin.way}`);
  const login = { user: site.administrator, password: passwords[site.administrator] ?? "" };
  const { signal } = new AbortController();
  const { member } = diverged;
  const done = await withLock(member.host, member.server, "a test", () =>
    rejoinServer({
      ...diverged,
      site,
      rejoin,
      login,
      signal,
      report,
      progress: (verb) => lines(report, verb),
    }),
  );
  report(`done ${done.way}`);
  await closeSessions();
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
});
