import prettyBytes from "pretty-bytes";
import { shownInLine } from "../../postgres/shown.js";
import type { AfterStep, SettingDeviation, UpgradeCompared } from "../../postgres/upgrade/model.js";
import type { Freed } from "../upgrade/commit.js";
import type { Journal } from "../upgrade/journal.js";
import type { PastUpgrade } from "../upgrade/past.js";
import type { RollbackOutcome } from "../upgrade/rollback.js";
import type { Written } from "../upgrade/written.js";
import { secondsInWords, timeInWords } from "./backups.js";

/** How many tables are named. */
const named = 20;

/** What a rollback loses. */
export function writtenInWords(written: Written | undefined, to: string): string {
  if (written === undefined) return `what was written by PostgreSQL ${to} is not known: it does not run`;
  const { since, wal, rows, counted } = written;
  const total = rows.reduce((sum, one) => sum + one.rows, 0);
  const list = rows.slice(0, named).map(({ table, rows: count }) => `  ${shownInLine(table)}: ${count}`);
  const more = rows.length > named ? [`  and ${rows.length - named} more tables`] : [];
  const some = counted ? "" : "at least (its statistics were lost since, or a table was dropped) ";
  return [
    `written by PostgreSQL ${to} since ${timeInWords(Date.parse(since) / 1000)}: ${prettyBytes(Number(wal))} of WAL, ${some}${total} rows inserted, changed or deleted${rows.length === 0 ? "" : ":"}`,
    ...list,
    ...more,
  ].join("\n");
}

export function rolledBackInWords(server: string, outcome: RollbackOutcome): string {
  if (outcome.code === "declined") return `${server} is not rolled back`;
  const { journal, written, saved, standbys, behind, newer } = outcome;
  return [
    `${server} runs PostgreSQL ${journal.from} again, on its data as they were before the upgrade`,
    ...(standbys.length === 0 ? [] : [`so do ${standbys.join(", ")}, which follow it`]),
    ...(behind.length === 0
      ? []
      : [
          `not back yet: ${behind.join(", ")}. Mend what keeps ${behind.length === 1 ? "it" : "them"} from it, and run pgsite upgrade rollback again`,
        ]),
    `lost with it: ${writtenInWords(written, journal.to)}`,
    ...(saved === undefined ? [] : [`saved: ${saved.map(shownInLine).join(", ")}`]),
    `what PostgreSQL ${journal.to} wrote is in ${newer} until you remove it; its programs can start it`,
    `the stack file still says ${journal.to}: change pgsite:postgresql: to "${journal.from}", or the next pulumi up would upgrade again`,
  ].join("\n");
}

export function freedInWords(freed: readonly Freed[], { from }: Journal): string {
  const lines = freed.map(
    ({ server, host, folders, bytes }) =>
      `  ${server}: ${folders.length === 0 ? "nothing" : folders.join(", ")} on ${host} (${prettyBytes(bytes)})`,
  );
  const total = freed.reduce((sum, { bytes }) => sum + bytes, 0);
  return [`the data of PostgreSQL ${from}, ${prettyBytes(total)}:`, ...lines].join("\n");
}

export function journalInWords(journal: Journal): string {
  const { server, from, to, way, role, phase, rollingBack, times, keepsRollback } = journal;
  const what =
    role === "standby" ? `its data of ${from} are set aside, and it is seeded anew` : `${from} to ${to} by ${way}`;
  const how =
    rollingBack === true
      ? "being rolled back: pgsite upgrade rollback finishes it"
      : phase === "done"
        ? `done ${times.done === undefined ? "" : timeInWords(Date.parse(times.done) / 1000)}, not committed; ${keepsRollback ? "it can be rolled back" : "there is no way back"}`
        : `at "${phase}": pulumi up goes on, or back`;
  return `${server}: ${what}; ${how}`;
}

/** What was said of an upgrade beside what it was, one line each. */
export function comparisonLines({ said, was }: UpgradeCompared): readonly string[] {
  const rows: readonly (readonly [string, string, string])[] = [
    ["", "said", "was"],
    ["way", said.way, was.way],
    ["space", prettyBytes(said.space.needed), `${prettyBytes(was.space)} at most`],
    ["nobody served", `about ${secondsInWords(said.downtime)}`, secondsInWords(was.downtime)],
    ["settings", saidOfSettings(said.settings), wasOfSettings(was.settings)],
  ];
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const [first, second] = [width(0), width(1)];
  const table = rows.map(([what, one, other]) => `  ${what.padEnd(first)} | ${one.padEnd(second)} | ${other}`);
  return [...table, ...was.settings.otherwise.map((one) => `  ${deviationInWords(one)}`)];
}

/** Those that stay are not spoken of, so that there is nothing to count. */
function saidOfSettings(settings: UpgradeCompared["said"]["settings"]): string {
  const gone = settings.filter(({ kind }) => kind === "vanishes").length;
  return `${settings.length - gone} others, ${gone} gone`;
}

function wasOfSettings({ kept, changed, gone, otherwise }: UpgradeCompared["was"]["settings"]): string {
  const found = `${changed.length} others, ${gone.length} gone, ${kept.length} as before`;
  return otherwise.length === 0 ? `${found}: as said` : `${found}, ${otherwise.length} otherwise than said`;
}

function deviationInWords({ name, said, was }: SettingDeviation): string {
  const shown = (value: string | undefined) => (value === undefined ? "nothing" : `'${shownInLine(value)}'`);
  return `setting ${shownInLine(name)}: said ${shown(said)}, was ${shown(was)}`;
}

export function pastInWords(past: PastUpgrade): readonly string[] {
  const { server, from, to, done, committed } = past;
  const when = (time: string) => timeInWords(Date.parse(time) / 1000);
  return [`${server}: ${from} to ${to}, done ${when(done)}, committed ${when(committed)}`, ...comparisonLines(past)];
}

export function stepInWords({ name, command }: AfterStep, isDone: boolean): string {
  const state = isDone ? "confirmed" : "to be done";
  return `${shownInLine(name)}: ${state}${command === undefined ? " (by hand)" : ` (${shownInLine(command)})`}`;
}
