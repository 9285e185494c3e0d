import { spawn } from "node:child_process";
import { Command } from "commander";
import type { Site } from "../../config/site.js";
import { hostOf } from "../../hosts/index.js";
import type { Context } from "../../servers/rollout/reporter.js";
import { administratorOf } from "../../servers/sql/login.js";
import { confirmStep } from "../../servers/upgrade/afterSteps.js";
import { commit, type Found, journalsOf, primaryOf } from "../../servers/upgrade/commit.js";
import { comparisonOf, type PastUpgrade, pastUpgrades } from "../../servers/upgrade/past.js";
import { rollback } from "../../servers/upgrade/rollback.js";
import type { UpgradeArgs } from "../../servers/upgrade/state.js";
import {
  comparisonLines,
  freedInWords,
  journalInWords,
  pastInWords,
  rolledBackInWords,
  stepInWords,
  writtenInWords,
} from "../../servers/words/upgradeActs.js";
import { confirmed } from "../confirm.js";
import { say, sayJson } from "../find.js";
import { type LoadedSite, loadSites } from "../load.js";

interface Flags {
  readonly stack?: string[];
  readonly yes?: boolean;
  readonly json?: boolean;
  readonly save?: string;
  readonly confirm?: string;
}

/** `pgsite upgrade`: what follows an upgrade to another major version, which itself is `up`'s. */
export function upgradeCommand(): Command {
  const command = new Command("upgrade").description(
    "what follows an upgrade to another major version: pulumi up makes it",
  );
  command
    .command("status", { isDefault: true })
    .description("show upgrades that are under way, or wait for their commit")
    .option("--stack <name...>", "the stacks (default: all)")
    .option("--json", "for programs")
    .action(status);
  command
    .command("rollback")
    .description("go back to the old version's data; says first what was written since")
    .option("--stack <name...>", "the stack")
    .option("--save <folder>", "save all that the new version has there first: a new folder on the server's host")
    .option("--yes", "ask nobody")
    .action(goBack);
  command
    .command("commit")
    .description("remove the old version's data: there is no rollback any more")
    .option("--stack <name...>", "the stack")
    .option("--yes", "ask nobody")
    .action(keep);
  command
    .command("after")
    .description("go through what has to change after the database, step by step, as the stack says it")
    .option("--stack <name...>", "the stack")
    .option("--confirm <step>", "say that this step is done, without running its command")
    .option("--yes", "run the commands, and confirm each that succeeds")
    .action(steps);
  return command;
}

async function status({ stack, json }: Flags): Promise<void> {
  const sites = await loadSites(stack);
  const found = (await Promise.all(sites.map(async (loaded) => journalsOf(argsOf(loaded))))).flat();
  const past = (await Promise.all(sites.map(async (loaded) => pastOf(argsOf(loaded))))).flat();
  if (json === true) {
    const upgrades = found.map(({ journal }) => {
      // What the old server was set to is the journal's own; what was said of it is part of the comparison.
      const { plan: _, settings: __, taken: ___, served: ____, outcome: _____, ...rest } = journal;
      return { ...rest, ...comparisonOf(journal) };
    });
    sayJson({ upgrades, past });
    return;
  }
  if (found.length === 0) say("no upgrade is under way, and none waits for its commit");
  for (const { journal } of found) {
    say(journalInWords(journal));
    const compared = comparisonOf(journal);
    for (const line of compared === undefined ? [] : comparisonLines(compared)) say(line);
    for (const step of journal.plan?.after ?? []) say(`  ${stepInWords(step, journal.after.includes(step.name))}`);
  }
  for (const one of past) for (const line of pastInWords(one)) say(line);
}

/** Upgrades that are committed, of all servers of a stack. */
async function pastOf({ servers }: UpgradeArgs): Promise<readonly PastUpgrade[]> {
  const there = Object.values(servers).filter(({ lost }) => lost === undefined);
  return (await Promise.all(there.map((server) => pastUpgrades(hostOf(server.host), server)))).flat();
}

async function goBack({ stack, save, yes }: Flags): Promise<void> {
  const { loaded, primary } = await theOne(stack);
  const { server, journal } = primary;
  const outcome = await rollback(contextOf(loaded), argsOf(loaded), server.name, {
    ...(save === undefined ? {} : { save }),
    confirm: async (written) => {
      say(writtenInWords(written, journal.to));
      return (
        yes === true ||
        confirmed(`Give this up${save === undefined ? "" : `, saved in ${save}`}, and go back to ${journal.from}?`)
      );
    },
  });
  say(rolledBackInWords(server.name, outcome));
  if (outcome.code === "declined" || outcome.behind.length > 0) process.exitCode = 1;
}

async function keep({ stack, yes }: Flags): Promise<void> {
  const { loaded } = await theOne(stack);
  const freed = await commit(contextOf(loaded), argsOf(loaded), {
    confirm: async (what, journal) => {
      say(freedInWords(what, journal));
      return yes === true || confirmed("Remove it for good?");
    },
  });
  say(freed === undefined ? "nothing was removed" : "committed");
  if (freed === undefined) process.exitCode = 1;
}

async function steps({ stack, confirm, yes }: Flags): Promise<void> {
  const { primary } = await theOne(stack);
  const { journal } = primary;
  if (journal.phase !== "done")
    throw new Error(`${journal.server} is not upgraded yet: its upgrade is at "${journal.phase}"`);
  const all = journal.plan?.after ?? [];
  if (all.length === 0) say("the stack says of nothing that it changes after the database");
  if (confirm !== undefined) {
    await confirmStep(primary, confirm);
    say(`${confirm}: confirmed`);
    return;
  }
  for (const step of all) {
    const isDone = journal.after.includes(step.name);
    say(stepInWords(step, isDone));
    if (isDone) continue;
    if (step.command !== undefined) {
      if (yes !== true && !(await confirmed("Run it?"))) return;
      const code = await runHere(step.command);
      if (code !== 0)
        throw new Error(`${step.name}: its command ended with ${code}; what comes after it was not begun`);
    }
    if (!(yes === true && step.command !== undefined) && !(await confirmed(`Is "${step.name}" done, and works?`)))
      return;
    await confirmStep(primary, step.name);
  }
}

/** On this machine, as whoever runs pgsite. */
function runHere(command: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn("/bin/sh", ["-c", command], { stdio: "inherit" });
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 128));
  });
}

/** The stack whose upgrade is meant: the one that has one. */
async function theOne(stacks?: string[]): Promise<{ readonly loaded: LoadedSite; readonly primary: Found }> {
  const sites = await loadSites(stacks);
  const found = await Promise.all(
    sites.map(async (loaded) => {
      const primary = await primaryOf(argsOf(loaded));
      return primary === undefined ? [] : [{ loaded, primary }];
    }),
  );
  const [one, other] = found.flat();
  if (one === undefined) throw new Error("no upgrade is under way, and none waits for its commit");
  if (other !== undefined) {
    throw new Error(
      `several stacks have an upgrade (${[one, other].map(({ loaded }) => loaded.site.stack).join(", ")}): name one (--stack)`,
    );
  }
  return one;
}

function argsOf({ site, passwords }: LoadedSite): UpgradeArgs {
  const { user, password } = administratorOf(site, passwords);
  return {
    site: site.name,
    stack: site.stack,
    version: site.version,
    administrator: user,
    administratorPassword: password,
    ...(site.primary === undefined ? {} : { primary: site.primary }),
    servers: Object.fromEntries(site.servers.map((server) => [server.name, server])),
    ...(site.clientDirectory === undefined ? {} : { clientDirectory: site.clientDirectory }),
    wishes: site.upgrade ?? wishes,
    backups: site.backups !== undefined,
  };
}

const wishes: NonNullable<Site["upgrade"]> = { method: "auto", jobs: 2, acceptNoRollback: false, defer: {}, after: [] };

function contextOf({ signal }: LoadedSite): Context {
  const log: Context["log"] = async (severity, message) =>
    say(severity === "info" ? message : `${severity}: ${message}`);
  return {
    name: "upgrade",
    signal,
    isSecret: () => false,
    log,
    report: async () => undefined,
    progress: async (line) => {
      process.stderr.write(`${line}\n`);
    },
  };
}
