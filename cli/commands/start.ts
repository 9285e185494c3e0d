import { Command } from "commander";
import type { Server } from "../../config/site.js";
import { startWorking, type Working } from "../../servers/process/start.js";
import { mendedInWords } from "../../servers/words/lockedOut.js";
import { provenInWords } from "../../servers/words/proven.js";
import { remainsEndedInWords } from "../../servers/words/start.js";
import { findServer, say } from "../find.js";

/** `pgsite start`: what the resource NAME-start runs: the server runs, and does what it is there for. */
export function startCommand(): Command {
  return new Command("start")
    .description("start a server and prove that it works: it takes writes, or streams and replays a marker")
    .argument("[server]", "the server (default: PGSITE_SERVER)")
    .option("--stack <name...>", "stacks to look for it in (default: all)")
    .option("--timeout <seconds>", "how long it may take", (text) => Number(text), 60)
    .action(async (name: string | undefined, options: { stack?: string[]; timeout: number }) => {
      const { site, server, passwords, signal, inUp } = await findServer(name, options.stack);
      const done = await startWorking({
        site,
        server,
        passwords,
        signal,
        ...(inUp === true ? { inUp } : {}),
        deadline: options.timeout * 1000,
        report: (mended) => say(mendedInWords(server.name, mended)),
      });
      if ("missing" in done) {
        say(
          `${server.name} is left to the rollout: its data ask for ${done.missing.join(", ")} until it has replayed its primary's lower values, and its files give less; the rollout (pulumi up) starts it with that`,
        );
        return;
      }
      const { ended } = done.started;
      if (ended !== undefined) say(remainsEndedInWords(server.name, ended));
      const did = done.started.alreadyRunning ? "runs already" : "started";
      say(`${server.name} ${did}${proven(server, done)}`);
    });
}

function proven(
  { upstream }: Server,
  { proof, upstream: left }: Exclude<Working, { readonly missing: unknown }>,
): string {
  if (proof !== undefined) return ` and ${provenInWords(proof)}`;
  const first =
    left === "stopped" ? `starts ${upstream}, which is stopped` : `brings ${upstream}'s configuration into force`;
  return `; the rollout ${first}, and proves that it streams`;
}
