import { resolve } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { defined } from "../../postgres/defined.js";
import { type RestoreRequest, restore } from "../../servers/backups/restore.js";
import type { RestoreEvent } from "../../servers/backups/restoreEvents.js";
import type { CopyProgress } from "../../servers/baseBackup/progress.js";
import { restoreDump } from "../../servers/dump/restore.js";
import { restoreEventInWords, restoreOutcomeInWords } from "../../servers/words/backups.js";
import { restoreDumpEventInWords } from "../../servers/words/dump.js";
import { backupServer } from "../backupServer.js";
import { say } from "../find.js";
import { showProgress } from "../progress.js";
import { writableServer } from "../writableServer.js";

interface Flags extends RestoreRequest {
  readonly stack?: string[];
  readonly server?: string;
  readonly file?: string;
  readonly onHost?: string;
  readonly clean?: boolean;
  readonly owner: boolean;
  readonly privileges: boolean;
  readonly tablespaces: boolean;
}

/** `pgsite restore`: of a run of backups, by the server's own program on its host; or a dump (`--file`, `--on-host`). */
export function restoreCommand(): Command {
  return new Command("restore")
    .description(
      "bring back a run of backups, a database, a schema or a table; or a dump (--file). Nothing is written over without --replace, or --clean",
    )
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
    .option("--jobs <number>", "how many dumps at once; with --on-host how many sessions", jobs)
    .option("--file <file>", "a dump on this machine, as pgsite dump makes it, into the database of --database")
    .option("--on-host <path>", "a dump on the server's host, a file or a folder")
    .option(
      "--clean",
      "of a dump: what it has is dropped first where it is there; the word for a database that is not empty",
    )
    .option("--no-owner", "of a dump: everything belongs to the administrator")
    .option("--no-privileges", "of a dump: without grants")
    .option("--no-tablespaces", "of a dump: everything in the default tablespace")
    .action(async (flags: Flags) => {
      if (flags.file !== undefined || flags.onHost !== undefined) return restoreFile(flags);
      const { stack, server: name, file, onHost, clean, owner, privileges, tablespaces, ...request } = flags;
      const lone = [
        clean && "--clean",
        !owner && "--no-owner",
        !privileges && "--no-privileges",
        !tablespaces && "--no-tablespaces",
      ];
      const [stray] = lone.filter((word) => typeof word === "string");
      if (stray !== undefined) throw new Error(`${stray} is for a dump (--file, --on-host)`);
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

/** What only a run of backups takes. */
const ofRuns = ["from", "place", "schema", "table", "into", "at", "globals", "replace"] as const;

async function restoreFile(flags: Flags): Promise<void> {
  const { file, onHost, database, server: name, stack } = flags;
  const stray = ofRuns.find((word) => flags[word] !== undefined);
  if (stray !== undefined) throw new Error(`--${stray} is for a run of backups, and not for a dump`);
  const path = onHost ?? file;
  if (path === undefined || (file !== undefined && onHost !== undefined))
    throw new Error("name one dump: --file, or --on-host");
  if (database === undefined) throw new Error("say into which database: --database NAME");
  const { site, server, passwords, signal } = await writableServer(defined({ server: name, stack }));
  const { clean, owner, privileges, tablespaces, jobs, dryRun } = flags;
  const done = await restoreDump({
    site,
    server,
    passwords,
    signal,
    database,
    from: onHost === undefined ? { on: "here", path: resolve(path) } : { on: "host", path: onHost },
    noOwner: !owner,
    noPrivileges: !privileges,
    noTablespaces: !tablespaces,
    ...defined({ clean, jobs, dryRun }),
    report: (event) => say(restoreDumpEventInWords(event)),
    progress: showProgress(process.stderr, "read"),
  });
  say(done === undefined ? "nothing was changed (--dry-run)" : `${done.database} is restored, in ${done.seconds} s`);
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
