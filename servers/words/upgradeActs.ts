import prettyBytes from "pretty-bytes";
import { shownInLine } from "../../postgres/shown.js";
import type { AfterStep } from "../../postgres/upgrade/model.js";
import type { Freed } from "../upgrade/commit.js";
import type { Journal } from "../upgrade/journal.js";
import type { RollbackOutcome } from "../upgrade/rollback.js";
import type { Written } from "../upgrade/written.js";
import { timeInWords } from "./backups.js";

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

export function stepInWords({ name, command }: AfterStep, isDone: boolean): string {
  const state = isDone ? "confirmed" : "to be done";
  return `${shownInLine(name)}: ${state}${command === undefined ? " (by hand)" : ` (${shownInLine(command)})`}`;
}
