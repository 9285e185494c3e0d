import { Command } from "commander";
import { defined } from "../../postgres/defined.js";
import { type DrillRequest, drill } from "../../servers/backups/drill.js";
import { drillEventInWords, drillOutcomeInWords } from "../../servers/words/backups.js";
import { backupServer } from "../backupServer.js";
import { say } from "../find.js";
import { showProgress } from "../progress.js";
import { jobs, Shown } from "./restore.js";

interface Flags extends DrillRequest {
  readonly stack?: string[];
  readonly server?: string;
}

/** `pgsite drill`: what a schedule runs, now. */
export function drillCommand(): Command {
  return new Command("drill")
    .description(
      "restore the newest backup into a scratch server, compare it with what it says of itself, and remove it",
    )
    .option("--server <name>", "on whose host (default: where the stack says, else the server that takes writes)")
    .option("--stack <name...>", "stacks to look for it in (default: all)")
    .option("--run <run>", "a run's name, as pgsite backups shows it (default: the newest whole one)")
    .option("--place <place>", "a place, as pgsite backups shows it, or a folder of the host")
    .option("--jobs <number>", "how many dumps at once", jobs)
    .action(async ({ stack, server: name, ...request }: Flags) => {
      const { server, signal } = await backupServer(
        defined({ stack, server: name }),
        ({ site }) => site.backups?.drill?.server,
      );
      const shown = new Shown(showProgress(process.stderr, "restored"));
      const outcome = await drill(server, request, {
        signal,
        report: (event) => shown.take(event, drillEventInWords(event)),
      }).finally(() => shown.end());
      const words = drillOutcomeInWords(outcome);
      if (outcome.code !== "equal") throw new Error(words);
      say(words);
    });
}
