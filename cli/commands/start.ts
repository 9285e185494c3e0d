import { Command } from "commander";
import prettyMilliseconds from "pretty-ms";
import { startWorking } from "../../servers/start.js";
import { findServer, say } from "../find.js";

/** `pgsite start`: what the resource NAME-start runs: the server runs, and does what it is there for. */
export function startCommand(): Command {
  return new Command("start")
    .description("start a server and prove that it works: it takes writes, or streams and replays a marker")
    .argument("[server]", "the server (default: PGSITE_SERVER)")
    .option("--stack <name...>", "stacks to look for it in (default: all)")
    .option("--timeout <seconds>", "how long it may take", (text) => Number(text), 60)
    .action(async (name: string | undefined, options: { stack?: string[]; timeout: number }) => {
      const { site, server, passwords, signal } = await findServer(name, options.stack);
      const { started, proof } = await startWorking({
        site,
        server,
        passwords,
        signal,
        deadline: options.timeout * 1000,
      });
      const did = started.alreadyRunning ? "runs already" : "started";
      const proven =
        proof.state === "writes"
          ? "takes writes"
          : `streams from ${proof.upstream} and has replayed up to ${proof.marker}`;
      say(`${server.name} ${did} and ${proven} (proven in ${prettyMilliseconds(proof.took)})`);
    });
}
