import Table from "cli-table3";
import { Command, Option } from "commander";
import { messages, valueInWords } from "../../installed/watch/messages.js";
import { shownInLine } from "../../postgres/shown.js";
import { type MonitoringFile, monitoringFiles, renderMonitoring } from "../../postgres/watch/monitoring.js";
import { askWatches, factIn, isWrong, type Watched } from "../../servers/watch/ask.js";
import { unaskedInWords, watchedInWords } from "../../servers/words/watch.js";
import { say, sayJson } from "../find.js";
import { loadSites } from "../load.js";

interface Flags {
  readonly stack?: string[];
  readonly json?: boolean;
  readonly monitoring?: MonitoringFile;
}

/** `pgsite watch`: what the watch of each server sees now. */
export function watchCommand(): Command {
  return new Command("watch")
    .description("show what the watch of each server sees now, without mail; status 1 where something is wrong")
    .option("--stack <name...>", "the stacks (default: all)")
    .option("--json", "for programs")
    .addOption(
      new Option("--monitoring <file>", "print what docs/monitoring has by this name instead")
        .choices([...monitoringFiles])
        .hideHelp(),
    )
    .action(async ({ stack, json, monitoring }: Flags) => {
      if (monitoring !== undefined) {
        process.stdout.write(renderMonitoring(monitoring, (name) => messages[name] ?? { title: name, advice: "" }));
        return;
      }
      const sites = await loadSites(stack);
      const watched = (await Promise.all(sites.map(({ site, signal }) => askWatches(site.servers, signal)))).flat();
      if (json === true) sayJson({ servers: watched.map(withMessages) });
      else say(renderWatched(watched));
      if (watched.some(isWrong)) process.exitCode = 1;
    });
}

/** As `--json` prints it: names and numbers are for programs, messages for whoever they tell. */
function withMessages({ conditions, unknown, ...rest }: Watched) {
  return {
    ...rest,
    conditions: conditions.map((condition) => ({ ...condition, message: watchedInWords(condition) })),
    ...(unknown === undefined ? {} : { unknown: { ...unknown, message: unaskedInWords(unknown) } }),
  };
}

export function renderWatched(watched: readonly Watched[]): string {
  const table = new Table({
    head: ["server", "answers", "role", "behind", "free", "connections", "oldest transaction", "backup", "wrong"],
    style: { head: [], border: [], compact: true },
  });
  for (const one of watched) table.push(cellsOf(one).map(shownInLine));
  const sentences = watched.flatMap(({ server, conditions, unknown }) => [
    ...(unknown === undefined ? [] : [`${server}: ${shownInLine(unaskedInWords(unknown))}`]),
    ...conditions.map((condition) => `${server}: ${condition.severity}: ${shownInLine(watchedInWords(condition))}`),
  ]);
  return [table.toString(), ...sentences].join("\n");
}

function cellsOf(watched: Watched): readonly string[] {
  const { server, facts, conditions, unknown } = watched;
  if (unknown !== undefined) return [server, "?", "?", "?", "?", "?", "?", "?", "?"];
  const of = (name: string) => factIn(watched, name);
  const answers = of("answers");
  const recovery = of("recovery");
  const least = facts
    .filter(({ fact }) => fact === "disk.percent")
    .sort((left, right) => Number(left.value) - Number(right.value))[0];
  const backups = facts.filter(({ fact }) => fact === "backup.seconds").map(({ value }) => Number(value));
  const wrong = conditions.filter(({ severity }) => severity !== "note").length;
  return [
    server,
    answers === undefined ? "?" : answers === "1" ? "yes" : "no",
    recovery === undefined ? "?" : recovery === "1" ? "in recovery" : "takes writes",
    recovery === "1" ? valueInWords("bytes", factIn(watched, "behind", server) ?? "") : "",
    least === undefined ? "?" : `${least.value} % (${least.object})`,
    of("connections") === undefined ? "" : `${of("connections")} of ${of("connections.max") ?? "?"}`,
    valueInWords("seconds", of("transaction.seconds") ?? ""),
    backups.length === 0 ? "" : valueInWords("seconds", `${Math.min(...backups)}`),
    wrong === 0 ? "" : `${wrong}`,
  ];
}
