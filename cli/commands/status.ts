import { Command, InvalidArgumentError } from "commander";
import { sayJson } from "../find.js";
import { type LoadedSite, loadForLooking } from "../load.js";
import { askAll } from "../status/ask.js";
import { renderStatus, statusJson } from "../status/render.js";
import { usualPause, watchStatus } from "../status/watch.js";
import { sayPainted, styleOf } from "../terminal.js";

interface StatusOptions {
  readonly stack?: string[];
  readonly json?: boolean;
  /** Seconds between two questions; true where nobody says how many. */
  readonly watch?: number | true;
}

/** `pgsite status`: every server of the stacks named, as it is now. */
export function statusCommand(): Command {
  return new Command("status")
    .description("show every server as it is now")
    .option("--stack <name...>", "the stacks (default: all)")
    .option("--json", "for programs")
    .option("--watch [seconds]", `ask again and again, with a pause (default: ${usualPause}); q ends`, secondsOf)
    .action(async (options: StatusOptions) => {
      const { watch } = options;
      if (watch === undefined) {
        const { sites, all } = await loadForLooking(options.stack);
        await printStatus(sites, options);
        if (!all) process.exitCode = 1;
        return;
      }
      if (options.json === true)
        throw new Error("--watch draws for people: call pgsite status --json as often as you like");
      if (!process.stdout.isTTY)
        throw new Error(
          "--watch draws on a terminal, and standard output is none: call pgsite status as often as you like, or have the hosts look by themselves (docs/watch.md)",
        );
      await watchStatus((await loadForLooking(options.stack)).sites, watch === true ? usualPause : watch);
    });
}

/** Prints the servers of several stacks, or as `{"servers": [...]}`. */
export async function printStatus(sites: readonly LoadedSite[], options: { readonly json?: boolean }): Promise<void> {
  const answers = await askAll(sites);
  if (options.json === true) sayJson(statusJson(answers));
  else sayPainted(renderStatus(answers, styleOf()));
}

function secondsOf(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 1 && seconds <= 86_400)) throw new InvalidArgumentError("a pause is 1 to 86400 seconds.");
  return seconds;
}
