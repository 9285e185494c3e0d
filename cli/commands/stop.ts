import { Command, Option } from "commander";
import { hostOf } from "../../hosts/index.js";
import { type StopMode, stopServer } from "../../servers/process/stop.js";
import { endedInWords } from "../../servers/words/stop.js";
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
      const { mode, timeout } = options;
      const { wasRunning, ended } = await stopServer(hostOf(server.host), server, { mode, deadline: timeout * 1000 });
      if (ended !== undefined) say(endedInWords(server.name, ended));
      say(wasRunning ? `${server.name} is stopped` : `${server.name} did not run`);
    });
}
