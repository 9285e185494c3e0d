import { Command } from "commander";
import { defined } from "../../postgres/defined.js";
import { backup } from "../../servers/backups/backup.js";
import { backupEventInWords, backupOutcomeInWords } from "../../servers/words/backup.js";
import { backupServer } from "../backupServer.js";
import { say } from "../find.js";

/** `pgsite backup`: what a schedule runs, now. */
export function backupCommand(): Command {
  return new Command("backup")
    .description("make a backup now, as its schedule does: dumps, their check, copies")
    .option("--server <name>", "the server (default: the one that makes backups and takes writes)")
    .option("--stack <name...>", "stacks to look for it in (default: all)")
    .action(async ({ stack, server: name }: { stack?: string[]; server?: string }) => {
      const { server, signal } = await backupServer(defined({ stack, server: name }));
      const outcome = await backup(server, { signal, report: (event) => say(backupEventInWords(event)) });
      const words = backupOutcomeInWords(outcome);
      if (outcome.code === "failed" || outcome.code === "ended") throw new Error(words);
      say(words);
    });
}
