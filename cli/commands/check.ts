import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import { say } from "../find.js";
import { projectFolder, stacksOf } from "../load.js";
import { siblingsOf } from "../siblings.js";

interface Options {
  readonly stack?: readonly string[];
  readonly against?: string;
  readonly files?: boolean;
}

/** `pgsite check`: the stack files as they stand, without Pulumi, its passphrase, its state, or any host. */
export function checkCommand(): Command {
  return new Command("check")
    .description("check stack files offline: no Pulumi, no passphrase, no host; exit code 1 where one is refused")
    .option("--stack <name...>", "the stacks (default: all)")
    .option("--against <folder>", "another checkout, to show what changes from there to here")
    .option("--files", "print every file that pgsite would write, too")
    .action(async (options: Options) => {
      const project = projectFolder();
      const names = options.stack ?? (await stacksOf(project));
      const { against } = options;
      if (against !== undefined && !existsSync(join(against, "Pulumi.yaml")))
        throw new Error(`--against names ${against}, where there is no Pulumi.yaml`);
      const { checkAmong, checkStackFile, hasErrors } = await import("../check/stack.js");
      const { renderCheck, renderGone } = await import("../check/render.js");
      const read = async (folder: string, name: string) => {
        const path = join(folder, `Pulumi.${name}.yaml`);
        if (!existsSync(path)) return undefined;
        return checkAmong(checkStackFile(name, await readFile(path, "utf8")), await siblingsOf(name, folder));
      };
      let failed = false;
      for (const name of names) {
        const head = await read(project, name);
        if (head === undefined) throw new Error(`there is no Pulumi.${name}.yaml in ${project}`);
        failed ||= hasErrors(head);
        const base = against === undefined ? undefined : { checked: await read(against, name) };
        say(renderCheck(head, base, options.files === true));
      }
      if (against !== undefined && options.stack === undefined) {
        for (const name of await stacksOf(against)) if (!names.includes(name)) say(renderGone(name));
      }
      process.exitCode = failed ? 1 : 0;
    });
}
