import { defined } from "../../postgres/defined.js";
import { messageOf } from "../rollout/reporter.js";
import { loginOf } from "../rollout/site.js";
import type { Acting } from "./acting.js";
import { makeStatistics, refreshCollations, sinceOf } from "./after.js";
import { beginHistory } from "./history.js";
import { type Journal, reach, writeJournal } from "./journal.js";
import { outcomeOf } from "./outcome.js";
import { comparisonOf } from "./past.js";
import { setAside } from "./standbys.js";
import { asAfter } from "./switch.js";

/** What follows while clients work on the new server. Done already, what is left of it: a standby whose host did not answer. */
export async function finish(acting: Acting, found: Journal): Promise<Journal> {
  const { context, args, server: declared, host } = acting;
  const server = asAfter(declared, found);
  const login = loginOf(args);
  const live = { server, login, signal: context.signal };
  const tell = (severity: "info" | "warning", line: string) => context.log(severity, line);
  let journal = found;
  if (journal.phase !== "done") {
    // Before statistics, which take their time: clients write meanwhile.
    if (journal.since === undefined) {
      const since = await sinceOf(live);
      const outcome = await outcomeOf(live, journal);
      journal = await writeJournal(host, declared, { ...journal, since, ...defined({ outcome }) });
    }
    await beginHistory(acting, journal);
    await context.progress("making statistics");
    const { statistics = "made again" } = journal.plan ?? {};
    const missing = statistics !== "made again";
    await makeStatistics(live, missing, Math.max(1, args.wishes.jobs), tell);
    if (journal.way !== "dump") await refreshCollations(live, journal, tell);
  }
  const aside = await setAsideAll(acting, journal);
  const standbys = [...new Set([...journal.standbys, ...aside])];
  if (journal.phase === "done") return writeJournal(host, declared, { ...journal, standbys });
  const done = await reach(host, declared, journal, "done", { standbys });
  const compared = comparisonOf(done);
  if (compared !== undefined) await context.report({ kind: "upgrade done", server: done.server, ...compared });
  return done;
}

/** @returns whose data are set aside by now. One that cannot be reached is the next `up`'s. */
async function setAsideAll({ context, args, server }: Acting, journal: Journal): Promise<readonly string[]> {
  const others = Object.values(args.servers).filter(({ name, lost }) => name !== server.name && lost === undefined);
  const done = await Promise.all(
    others.map(async (other) => {
      try {
        return (await setAside(other, journal)) ? [other.name] : [];
      } catch (error) {
        context.signal.throwIfAborted();
        await context.log("warning", `${other.name} still has its data of ${journal.from}: ${messageOf(error)}`);
        return [];
      }
    }),
  );
  return done.flat();
}
