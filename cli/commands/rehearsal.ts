import { Command } from "commander";
import { say } from "../find.js";
import { type LoadedSite, loadSites } from "../load.js";
import { proveBackups } from "../rehearsal/proveBackups.js";
import { proveByRow } from "../rehearsal/proveByRow.js";
import { committedStacks, defaultMajor, Rehearsal } from "../rehearsal/rehearsal.js";
import { printStatus } from "./status.js";

/** `pgsite rehearsal`: the real stacks on this machine. */
export function rehearsalCommand(): Command {
  const command = new Command("rehearsal").description("the stacks of this checkout, rehearsed on this machine");
  command.enablePositionalOptions();
  const name = ["--name <name>", "tells several rehearsals apart", "demo"] as const;

  command
    .command("up")
    .description("make it, or bring it up to date, and show that it works")
    .option(...name)
    .option(
      "--postgresql <major>",
      `major version to rehearse with (default: ${defaultMajor}, the oldest that npm's packages carry)`,
    )
    .option("--binaries <folder>", "server programs found on this machine")
    .argument("[stacks...]", `the stacks, in the order in which they come up (default: ${committedStacks.join(" ")})`)
    .action(async (stacks: string[], options: { name: string; postgresql?: string; binaries?: string }) => {
      const rehearsal = await Rehearsal.prepare({ ...options, ...(stacks.length === 0 ? {} : { stacks }) });
      const { record } = rehearsal;
      say(`rehearsing ${record.stacks.join(" and ")} with PostgreSQL ${record.postgresql} in ${rehearsal.folder}`);
      if (options.postgresql === undefined && options.binaries === undefined && record.postgresql === defaultMajor) {
        say(
          `(the stacks declare another version; ${defaultMajor} is the oldest that npm's packages carry, and reads the same three files as 9.0)`,
        );
      }
      const changes: Record<string, number> = {};
      for (const stack of rehearsal.stacks) {
        say(`pulumi up of ${stack}`);
        for (const [kind, count] of Object.entries(await rehearsal.up(stack, { show: "news" }))) {
          changes[kind] = (changes[kind] ?? 0) + count;
        }
      }
      const changed = Object.entries(changes).filter(([kind]) => kind !== "same");
      const sites = await sitesOf(rehearsal);
      for (const ofOne of bySite(sites)) {
        const { primary, readOn } = await proveByRow(ofOne);
        say(`a row written on ${primary} was read on ${readOn.join(", ")}`);
      }
      await proveBackups(sites, say);
      say(
        changed.length === 0
          ? `nothing changed: all ${changes.same ?? 0} resources are as described`
          : `changed: ${changed.map(([kind, count]) => `${count} ${kind}`).join(", ")}`,
      );
      say(
        `look around: npx pgsite rehearsal pulumi preview --stack ${record.stacks[0]}; take it down: npm run demo:down`,
      );
      await printStatus(sites, {});
    });

  command
    .command("down")
    .description("stop its servers and remove everything that it made, and nothing else")
    .option(...name)
    .action(async (options: { name: string }) => {
      const rehearsal = await Rehearsal.find(options.name);
      if (rehearsal === undefined) {
        say(`there is no rehearsal "${options.name}": nothing to take down`);
        return;
      }
      await rehearsal.down({ show: "news" });
      say(`removed ${rehearsal.folder}`);
    });

  command
    .command("status")
    .description("its servers, as pgsite status shows them")
    .option(...name)
    .option("--json", "for programs")
    .action(async (options: { name: string; json?: boolean }) => {
      await printStatus(await sitesOf(await existing(options.name)), options);
    });

  command
    .command("pulumi")
    .description("run pulumi in its project: pgsite rehearsal pulumi preview --stack ctio")
    .option(...name)
    .allowUnknownOption()
    .passThroughOptions()
    .argument("<arguments...>")
    .action(async (args: string[], options: { name: string }) => {
      const { exitCode } = await (await existing(options.name)).pulumi(args, { show: "everything" });
      process.exitCode = exitCode;
    });

  return command;
}

async function existing(name: string): Promise<Rehearsal> {
  const rehearsal = await Rehearsal.find(name);
  if (rehearsal === undefined) throw new Error(`there is no rehearsal "${name}": npm run demo makes one`);
  return rehearsal;
}

function sitesOf(rehearsal: Rehearsal) {
  Object.assign(process.env, rehearsal.environment, { PGSITE_PROJECT: rehearsal.project });
  return loadSites(rehearsal.stacks);
}

/** Stacks of one site belong together: a row goes from one to the other. */
function bySite(sites: readonly LoadedSite[]): readonly (readonly LoadedSite[])[] {
  const names = [...new Set(sites.map(({ site }) => site.name))];
  return names.map((name) => sites.filter(({ site }) => site.name === name));
}
