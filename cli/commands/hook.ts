import { Command } from "commander";
import { execa } from "execa";
import { environmentFor } from "../../hosts/environment.js";
import { projectFolder } from "../load.js";

/**
 * `pgsite hook`: a site's own command, for an `up`. Pulumi's command plugin hands its whole environment on, with the
 * passphrase of all secrets in it: the site's command gets what it needs, and what it is told of the site.
 */
export function hookCommand(): Command {
  return new Command("hook")
    .description("run a site's own command, with what it needs of the environment and no more")
    .argument("<command>", "for the shell")
    .action(async (command: string) => {
      const told = Object.entries(process.env).filter(([name]) => name.startsWith("PGSITE_"));
      const { exitCode, signal } = await execa("/bin/sh", ["-c", command], {
        cwd: projectFolder(),
        env: { ...environmentFor("hook"), ...Object.fromEntries(told) },
        extendEnv: false,
        reject: false,
        stdio: "inherit",
      });
      if (exitCode !== 0) process.stderr.write(`the command ended with ${exitCode ?? signal ?? "no status"}\n`);
      process.exitCode = exitCode ?? 1;
    });
}
