import { readFileSync } from "node:fs";
import { closeSessions } from "../../hosts/shell/sessions.js";
import type { MoveAsked } from "../../servers/move/asked.js";
import { commitMove, goBack, sinceMoved } from "../../servers/move/back.js";
import { readJournal } from "../../servers/move/journal.js";
import { moveServer } from "../../servers/move/move.js";
import { administratorOf } from "../../servers/sql/login.js";

/** A process of its own that moves a server, for tests that kill it or run it elsewhere: FILE move|back|commit [PHASE at which it kills itself, or a second after an event]. */
const [file = "", act = "move", phase = ""] = process.argv.slice(2);
const asked = JSON.parse(readFileSync(file, "utf8")) as Omit<MoveAsked, "signal">;
const { signal } = new AbortController();
const say = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`);

async function main(): Promise<void> {
  if (act === "move") {
    const onPhase = (now: string) => {
      say({ code: "phase", phase: now, at: performance.now() });
      if (now === phase) process.kill(process.pid, "SIGKILL");
    };
    const report = (event: { readonly code: string }) => {
      say({ ...event, at: performance.now() });
      // In the midst of what it announces.
      if (event.code === phase) setTimeout(() => process.kill(process.pid, "SIGKILL"), 1000);
    };
    const { journal } = await moveServer({ ...asked, signal, onPhase, report });
    say({ code: "moved", phase: journal.phase, downtime: journal.downtime });
    return;
  }
  const journal = await readJournal(asked.server);
  if (journal === undefined) throw new Error("no move is under way");
  const login = administratorOf(asked.site, asked.passwords);
  if (act === "commit") {
    await commitMove(journal);
    return;
  }
  say({ code: "since", since: await sinceMoved(journal, { login, signal }) });
  await goBack(journal, { login, signal, report: say });
}

main()
  .then(() => 0)
  .catch((error: Error) => {
    process.stderr.write(`${error.message}\n`);
    return 1;
  })
  .then(async (code) => {
    await closeSessions();
    process.exit(code);
  });
