import { Command, Option } from "commander";
import { hostOf } from "../../hosts/index.js";
import { type StopMode, stopServer } from "../../servers/process/process.js";
import { findServer, say } from "../find.js";

/** `pgsite stop`, by hand only: nothing that Pulumi runs stops a server. */
export function stopCommand(): Command {
  return new Command("stop")
    .description("stop a server")
    .argument("<server>")
    .option("--stack <name...>", "stacks to look for it in (default: all)")
    .addOption(new Option("--mode <mode>", "pg_ctl's").choices(["smart", "fast", "immediate"]).default("fast"))
    .option("--timeout <seconds>", "how long it may take", (text) => Number(text), 60)
    .action(async (name: string, options: { stack?: string[]; mode: StopMode; timeout: number }) => {
      const { server } = await findServer(name, options.stack);
      const { wasRunning } = await stopServer(hostOf(server.host), server, options.mode, options.timeout * 1000);
      say(wasRunning ? `${server.name} is stopped` : `${server.name} did not run`);
    });
}
