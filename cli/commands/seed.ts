import { Command, Option } from "commander";
import prettyBytes from "pretty-bytes";
import { type CopyMethod, copyMethods } from "../../servers/baseBackup/methods.js";
import { type SeedOutcome, seed } from "../../servers/seed/seed.js";
import { findServer, say } from "../find.js";
import { showProgress } from "../progress.js";

interface Options {
  readonly stack?: string[];
  readonly copy?: CopyMethod | "auto";
}

/** `pgsite seed`: what the resource NAME-data runs. */
export function seedCommand(): Command {
  return command(
    "seed",
    "see to it that a server has its data: nothing, a base backup, or (a new site's primary) initdb",
  ).action((name: string | undefined, options: Options) => run(name, options, false));
}

/** `pgsite base-backup`: the same by hand, without the possibility of a new cluster. */
export function baseBackupCommand(): Command {
  return command("base-backup", "fill a server's data directory from the server that takes writes").action(
    (name: string | undefined, options: Options) => run(name, options, true),
  );
}

function command(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .argument("[server]", "the server to be filled (default: PGSITE_SERVER)")
    .option("--stack <name...>", "stacks to look for it in (default: all)")
    .addOption(
      new Option(
        "--copy <method>",
        "how to copy (default: cp on one host, between two what baseBackup.method says)",
      ).choices(["auto", ...copyMethods]),
    );
}

async function run(name: string | undefined, options: Options, baseBackupOnly: boolean): Promise<void> {
  const { site, server, passwords, signal } = await findServer(name, options.stack);
  const outcome = await seed({
    site,
    server: server.name,
    passwords,
    signal,
    baseBackupOnly,
    report: say,
    progress: showProgress(),
    ...(options.copy === undefined ? {} : { copy: options.copy }),
  });
  say(describe(server.name, outcome));
}

function describe(name: string, outcome: SeedOutcome): string {
  switch (outcome.kind) {
    case "there":
      return `${name} has its data already (system identifier ${outcome.systemIdentifier})`;
    case "initdb":
      return `${name} has a new cluster (system identifier ${outcome.systemIdentifier})`;
    case "base-backup": {
      const kept = outcome.kept > 0 ? `, ${prettyBytes(outcome.kept)} kept from before` : "";
      return `${name} has a base backup of ${outcome.from}: ${prettyBytes(outcome.copied)} by ${outcome.method}${kept}`;
    }
  }
}
