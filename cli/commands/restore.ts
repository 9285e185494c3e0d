import { Command, InvalidArgumentError } from "commander";
import { defined } from "../../postgres/defined.js";
import { type RestoreRequest, restore } from "../../servers/backups/restore.js";
import type { RestoreEvent } from "../../servers/backups/restoreEvents.js";
import type { CopyProgress } from "../../servers/baseBackup/progress.js";
import { restoreEventInWords, restoreOutcomeInWords } from "../../servers/words/backups.js";
import { backupServer } from "../backupServer.js";
import { say } from "../find.js";
import { showProgress } from "../progress.js";

interface Flags extends RestoreRequest {
  readonly stack?: string[];
  readonly server?: string;
}

/** `pgsite restore`: a run, a database, a schema or a table, by the server's own program on its host. */
export function restoreCommand(): Command {
  return new Command("restore")
    .description("bring back a run, a database, a schema or a table; nothing is written over without --replace")
    .option("--dry-run", "say what would be done, and what is in the way")
    .option("--server <name>", "the server (default: the one that makes backups and takes writes)")
    .option("--stack <name...>", "stacks to look for it in (default: all)")
    .option("--from <run>", "a run's name, as pgsite backups shows it (default: the newest whole one)")
    .option("--place <place>", "a place, as pgsite backups shows it, or a folder of the host")
    .option("--database <name>", "this database alone")
    .option("--schema <name>", "of it this schema alone")
    .option("--table <schema.table>", "of it this table alone, with its partitions")
    .option("--into <name>", "into a database of another name; one that is not there is made")
    .option("--at <folder:port>", "into another server of that host: its socket's folder, or its address, and its port")
    .option("--globals", "roles and tablespaces too; one that is there stays as it is, but for --replace")
    .option(
      "--replace",
      "over what is there: a database is kept under another name, a table's rows are replaced in one transaction",
    )
    .option("--jobs <number>", "how many dumps at once", jobs)
    .action(async ({ stack, server: name, ...request }: Flags) => {
      const { server, signal } = await backupServer(defined({ stack, server: name }));
      const shown = new Shown(showProgress(process.stderr, "restored"));
      const outcome = await restore(server, request, {
        signal,
        report: (event) => shown.take(event, restoreEventInWords(event)),
      }).finally(() => shown.end());
      const words = restoreOutcomeInWords(outcome);
      if (outcome.code !== "done" && outcome.code !== "dry") throw new Error(words);
      say(words);
    });
}

/** A program's events as lines and a bar: the bar gives way to what is said. */
export class Shown {
  #done: number | undefined;
  #isOver = false;

  constructor(readonly progress: CopyProgress) {}

  take(event: RestoreEvent | { readonly code: "compared" | "difference" }, words: string | undefined): void {
    if (event.code === "progress") this.#advance(event.done, event.total);
    else if (words !== undefined) say(words);
  }

  end(): void {
    if (this.#done !== undefined && !this.#isOver) this.progress.end();
    this.#isOver = true;
  }

  #advance(done: number, total: number): void {
    if (this.#isOver) return;
    if (this.#done === undefined) this.progress.start(total, done);
    else this.progress.advance(done - this.#done);
    this.#done = done;
    if (done >= total) this.end();
  }
}

export function jobs(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= 99) return number;
  throw new InvalidArgumentError("allowed are whole numbers from 1 to 99");
}
