import { resolve } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import prettyBytes from "pretty-bytes";
import { defined } from "../../postgres/defined.js";
import { dump } from "../../servers/dump/dump.js";
import { dumpEventInWords } from "../../servers/words/dump.js";
import { say } from "../find.js";
import { showProgress } from "../progress.js";
import { writableServer } from "../writableServer.js";
import { jobs } from "./restore.js";

interface Flags {
  readonly out?: string;
  readonly onHost?: string;
  readonly server?: string;
  readonly stack?: string[];
  readonly level: number;
  readonly jobs?: number;
  readonly lockWait: number;
  readonly spaceCheck: boolean;
}

/** `pgsite dump`: one database into one file, or a folder of the server's host. */
export function dumpCommand(): Command {
  return new Command("dump")
    .description("dump a database: read whole before it gets its name, its SHA-256 beside it")
    .argument("<database>")
    .option("--out <file>", "the file, on this machine", (path: string) => resolve(path))
    .option("--on-host <path>", "the file on the server's own host; with --jobs a folder", absolute)
    .option("--server <name>", "the server (default: the one that takes writes)")
    .option("--stack <name...>", "stacks to look for it in (default: all)")
    .option("--level <number>", "how much it is compressed, 0 to 9", level, 9)
    .option("--jobs <number>", "how many tables at once, into a folder on the server's host", jobs)
    .option("--lock-wait <seconds>", "how long it waits for a table that somebody has locked", seconds, 60)
    .option("--no-space-check", "also where the disk of --on-host has less room than the database has")
    .action(async (database: string, { out, onHost, ...flags }: Flags) => {
      const path = onHost ?? out;
      if (path === undefined || (onHost !== undefined && out !== undefined)) {
        throw new Error("say where it goes: --out FILE on this machine, or --on-host PATH on the server's host");
      }
      const { site, server, passwords, signal } = await writableServer(
        defined({ server: flags.server, stack: flags.stack }),
      );
      const made = await dump({
        site,
        server,
        passwords,
        signal,
        database,
        to: { on: onHost === undefined ? "here" : "host", path },
        level: flags.level,
        lockWait: flags.lockWait,
        checkSpace: flags.spaceCheck,
        ...defined({ jobs: flags.jobs }),
        report: (event) => say(dumpEventInWords(event)),
        progress: showProgress(process.stderr, "dumped"),
      });
      say(
        `${made.path} on ${made.host}: ${prettyBytes(made.bytes)} of ${database}, in ${made.seconds} s, by pg_dump ${made.version}, read whole${made.sum === undefined ? "" : `; SHA-256 ${made.sum}`}`,
      );
    });
}

export function absolute(text: string): string {
  const plain = text.length > 1 ? text.replace(/\/+$/, "") : text;
  if (/^\/[^\0\r\n]+$/.test(plain) && !plain.split("/").includes("..")) return plain;
  throw new InvalidArgumentError("an absolute path, without .. and line breaks.");
}

function level(text: string): number {
  if (/^[0-9]$/.test(text)) return Number(text);
  throw new InvalidArgumentError("allowed are 0 to 9");
}

function seconds(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("a whole number of seconds");
}
