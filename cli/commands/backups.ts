import Table from "cli-table3";
import { Command } from "commander";
import prettyBytes from "pretty-bytes";
import { shownInLine } from "../../postgres/shown.js";
import { newestRun, type Place, type Run, type RunsReport, runsOf } from "../../servers/backups/runs.js";
import { ageInWords } from "../../servers/words/backups.js";
import { say, sayJson } from "../find.js";
import { loadSites } from "../load.js";

/** `pgsite backups`: the runs in all places. */
export function backupsCommand(): Command {
  return new Command("backups")
    .description("list the backups in all places: age, size, and whether a drill has verified them")
    .option("--stack <name...>", "the stacks (default: all)")
    .option("--json", "for programs")
    .action(async ({ stack, json }: { stack?: string[]; json?: boolean }) => {
      const sites = (await loadSites(stack)).filter(({ site }) => site.backups !== undefined);
      if (sites.length === 0) throw new Error("no stack here declares backups (backups: in the stack file)");
      const reports = await Promise.all(sites.map(({ site, signal }) => runsOf(site, signal)));
      const report = {
        places: reports.flatMap(({ places }) => places),
        unknown: reports.flatMap(({ unknown }) => unknown),
      };
      if (json === true) sayJson(report);
      else say(renderRuns(report, Date.now()));
      // Whoever asks by a script is not to take what nobody saw for good.
      if (report.unknown.length > 0 || report.places.some(({ unreachable }) => unreachable !== undefined))
        process.exitCode = 1;
    });
}

/** @param now milliseconds since 1970 */
export function renderRuns(report: RunsReport, now: number): string {
  const table = new Table({
    head: ["run", "age", "size", "state", "place", "folder"],
    style: { head: [], border: [], compact: true },
  });
  for (const place of report.places) {
    for (const run of [...place.runs].reverse()) table.push(rowOf(place, run, now).map(shownInLine));
  }
  const silent = [
    ...report.places.flatMap(({ place, at, folder, unreachable }) =>
      unreachable === undefined ? [] : [`${nameOf({ place, at })} (${folder}) cannot be looked at: ${unreachable}`],
    ),
    ...report.unknown.map(({ server, message }) => `${server} cannot be asked: ${message}`),
  ];
  return [
    table.length === 0 ? "no run in any place" : table.toString(),
    ...silent.map(shownInLine),
    newest(report, now),
  ].join("\n");
}

function newest(report: RunsReport, now: number): string {
  const verified = newestRun(report, "verified");
  if (verified !== undefined) return `newest verified: ${verified.name}, ${ageInWords(verified.name, now)} old`;
  return newestRun(report, "whole") === undefined
    ? "nothing can be restored"
    : "none is verified: a backup that nobody has restored is not known to be one (pgsite drill)";
}

function rowOf(place: Place, run: Run, now: number): readonly string[] {
  const state =
    run.verifiedAt === undefined ? run.state : `verified ${new Date(run.verifiedAt * 1000).toISOString().slice(0, 10)}`;
  return [run.name, ageInWords(run.name, now), prettyBytes(run.bytes), state, nameOf(place), place.folder];
}

/** The server's own folder has no name of its own. */
function nameOf({ place, at }: Pick<Place, "place" | "at">): string {
  return place === "here" ? at : place;
}
