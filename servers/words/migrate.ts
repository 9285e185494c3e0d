import { valueInWords } from "../../installed/watch/messages.js";
import type { MigratedDatabase, MigratedTable, Migration } from "../migrate/ask.js";
import type { NotAsInstalled } from "../migrate/install.js";

/** Where nothing can be said of tables: one sentence. */
export function migrationInWords(migration: Migration): string {
  const { server, host } = migration;
  switch (migration.code) {
    case "none":
      return `${server}: no history is to follow`;
    case "unknown":
      return `${server}: how far its history is, ${host} does not say: ${migration.because}`;
    case "known":
      return migration.running
        ? `${server}: a run goes on`
        : `${server}: no run goes on now${migration.sourceRunning ? "; the old server runs" : ""}`;
  }
}

export function migratedDatabaseInWords(database: MigratedDatabase): string {
  const { database: name, paused, throttle, waits, rate, left, tables } = database;
  if (tables.length > 0 && tables.every(({ status }) => status === "done")) return `${name}: all of it is there`;
  const said = [
    ...(waits === undefined ? [] : [waitingInWords(waits.for, waits.detail)]),
    ...(paused && waits?.for !== "paused" ? ["paused after the batch that goes on"] : []),
    ...(throttle === undefined ? [] : [`at most ${throttle} rows a second`]),
    ...(rate === undefined ? [] : [`${rate} rows a second in the last ten minutes`]),
    ...(left === undefined || paused ? [] : [`about ${valueInWords("seconds", `${left}`)} left`]),
  ];
  return `${name}: ${said.length === 0 ? "it begins" : said.join(", ")}`;
}

function waitingInWords(reason: NonNullable<MigratedDatabase["waits"]>["for"], detail: string): string {
  const [first = "", second = ""] = detail.split(" ");
  const after = (words: number) => detail.split(" ").slice(words).join(" ");
  switch (reason) {
    case "paused":
      return "paused (pgsite migrate resume goes on)";
    case "lag":
      return `it waits until the standby ${after(1)} has replayed what it lags behind, ${valueInWords("bytes", first)}`;
    case "disk":
      return `it waits for room: ${after(2)} has ${valueInWords("bytes", first)} free, and takes ${valueInWords("bytes", second)}`;
    case "standby":
      return "it waits: the server is a standby now";
    case "server":
      return `it waits: the server does not answer: ${detail}`;
    case "retry":
      return `it is tried again: ${detail}`;
    case "not-begun":
      return "it has not begun: the schedule of its host starts it within a minute";
  }
}

/** What is wrong with a table, and what to do; undefined where nothing is. */
export function migratedTableInWords({
  schema,
  table,
  status,
  reason,
  detail = "",
}: MigratedTable): string | undefined {
  if (status !== "refused" && status !== "failed") return undefined;
  const name = `${schema}.${table}`;
  const [first = "", second = ""] = detail.split(" ");
  switch (reason) {
    case "missing":
      return `${name} is refused: the new server has no such table`;
    case "kind":
      return `${name} is refused: what the new server has by that name is no table`;
    case "columns":
      return `${name} is refused: its columns are not those of before: ${detail}`;
    case "unlogged":
      return `${name} is refused: it is unlogged, so that a crash of the old server would empty it: copy it by hand`;
    case "not empty":
      return `${name} is refused: it has rows of its own. If both are to be in it: pgsite migrate accept DATABASE ${name}`;
    case "checksum":
      return `${name} has failed: what the new server keeps is not what the old one sent (${detail}), and was not kept`;
    case "count":
      return `${name} has failed: ${first} rows came, and the old server has ${second}`;
    case "foreign key":
      return `${name} has failed: ${detail.split(" ").at(-1)} of its rows refer by ${detail.split(" ").slice(0, -1).join(" ")} to rows that are not there any more. Mend that, then pgsite migrate resume`;
    default:
      return `${name} has failed (${reason ?? "?"}): ${detail}. Mend that, then pgsite migrate resume`;
  }
}

/** What of program and schedule is not as the upgrade put it there; `pgsite migrate resume` puts it there anew. */
export function notAsInstalledInWords(found: NotAsInstalled, host: string): string {
  const mended = "pgsite migrate resume puts it there anew";
  switch (found.code) {
    case "file":
      return `${found.path} on ${host} ${found.is === "missing" ? "is missing" : "is not as pgsite wrote it"}: ${mended}`;
    case "schedule":
      switch (found.is) {
        case "missing":
          return `nothing starts it on ${host}: the schedule ${found.name} is missing: ${mended}`;
        case "changed":
          return `the schedule ${found.name} on ${host} is not as pgsite wrote it: ${mended}`;
        case "off":
          return `the schedule ${found.name} on ${host} does not begin with the machine: ${mended}`;
        default:
          return `nobody runs the schedule ${found.name} on ${host}: start its cron, or the timer`;
      }
    case "no scheduler":
      return `${host} has neither systemd nor cron nor a crontab program, so nothing starts it: install cron`;
  }
}
