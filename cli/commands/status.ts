import Table from "cli-table3";
import { Command } from "commander";
import prettyBytes from "pretty-bytes";
import type { Server } from "../../config/site.js";
import { hostOf } from "../../hosts/index.js";
import { shownInLine } from "../../postgres/shown.js";
import { type NewestRuns, newestOfSite } from "../../servers/backups/newest.js";
import { keptOf } from "../../servers/rejoin/aside.js";
import type { StatusRow } from "../../servers/status/report.js";
import { statusOf } from "../../servers/status/status.js";
import { newestInWords } from "../../servers/words/backups.js";
import { problemInWords } from "../../servers/words/problems.js";
import { say, sayJson } from "../find.js";
import { type LoadedSite, loadSites } from "../load.js";

/** `pgsite status`: every server of the stacks named, as it is now. */
export function statusCommand(): Command {
  return new Command("status")
    .description("show every server as it is now")
    .option("--stack <name...>", "the stacks (default: all)")
    .option("--json", "for programs")
    .action(async (options: { stack?: string[]; json?: boolean }) => {
      await printStatus(await loadSites(options.stack), options);
    });
}

/** Prints the servers of several stacks in one table, or as `{"servers": [...]}`. */
export async function printStatus(sites: readonly LoadedSite[], options: { readonly json?: boolean }): Promise<void> {
  const [rows, kept, backups] = await Promise.all([
    Promise.all(sites.map((loaded) => statusOf(loaded))).then((all) => all.flat()),
    Promise.all(sites.flatMap(({ site }) => site.servers.map(keptBy))).then((all) => all.flat()),
    Promise.all(sites.map(backupsOf)).then((all) => all.flat()),
  ]);
  const more = { ...(kept.length === 0 ? {} : { kept }), ...(backups.length === 0 ? {} : { backups }) };
  if (options.json === true) sayJson({ servers: rows.map(withMessages), ...more });
  else say([renderStatus(rows), ...kept.map(renderKept), ...backups.map(renderBackups)].join("\n"));
}

/** How old a stack's backups are. */
interface StackBackups extends NewestRuns {
  readonly stack: string;
}

async function backupsOf({ site }: LoadedSite): Promise<readonly StackBackups[]> {
  const newest = await newestOfSite(site);
  return newest === undefined ? [] : [{ stack: site.stack, ...newest }];
}

function renderBackups({ stack, ...newest }: StackBackups): string {
  return `${stack}: ${newestInWords(newest, Date.now())}`;
}

/** As `--json` prints it: a problem's code is for programs, its message for whoever they tell. */
function withMessages(row: StatusRow) {
  return { ...row, problems: row.problems.map((problem) => ({ ...problem, message: problemInWords(problem) })) };
}

/** What a server had alone when it rejoined the others, and where. */
interface Kept {
  readonly server: string;
  readonly host: string;
  readonly directory: string;
}

/** Nothing where its host cannot be asked: that is said of its state. */
async function keptBy({ name, host: spec, dataDirectory }: Server): Promise<readonly Kept[]> {
  const found = await keptOf(hostOf(spec), { dataDirectory }).catch(() => []);
  return found.map((directory) => ({ server: name, host: spec.name, directory }));
}

function renderKept({ server, host, directory }: Kept): string {
  return `${server}: what it alone had when it rejoined is kept in ${directory} on ${host}: remove it when nobody needs it`;
}

export function renderStatus(rows: readonly StatusRow[]): string {
  const table = new Table({
    head: ["server", "role", "address", "version", "state", "timeline", "upstream", "lag", "walsenders"],
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) {
    const cells = [
      row.name,
      row.role,
      `${row.address}:${row.port}`,
      row.version ?? "?",
      row.state,
      `${row.timeline ?? "?"}`,
      row.upstream ?? "",
      lag(row),
      row.walSenders?.join(", ") ?? "",
    ];
    table.push(cells.map(shownInLine));
  }
  const problems = rows.flatMap(({ name, problems }) =>
    problems.map((problem) => `${name}: ${shownInLine(problemInWords(problem))}`),
  );
  return [table.toString(), ...problems].join("\n");
}

function lag({ state, lagBytes, lagSeconds, late }: StatusRow): string {
  if (state === "read-write") return "";
  const why =
    late === undefined
      ? ""
      : late.code === "paused"
        ? " (paused)"
        : ` (delayed by ${late.by}, as declared${late.replaysFirst === true ? "; it replays what it has before it streams" : ""})`;
  if (lagBytes === null) return `?${why}`;
  const seconds = lagBytes === 0 || lagSeconds === null ? "" : `, ${lagSeconds} s`;
  return `${prettyBytes(lagBytes)}${seconds}${why}`;
}
