import prettyBytes from "pretty-bytes";
import prettyMilliseconds from "pretty-ms";
import { shownInLine } from "../../postgres/shown.js";
import type { DrillDifference, DrillEvent, DrillOutcome } from "../backups/drill.js";
import { type NewestRuns, startOfRun } from "../backups/newest.js";
import type { RestoreOutcome } from "../backups/restore.js";
import type { RestoreEvent, Way } from "../backups/restoreEvents.js";

/** What a restore or a drill says, for people; nothing for what a progress bar shows. */
export function restoreEventInWords(event: RestoreEvent): string | undefined {
  switch (event.code) {
    case "from": {
      const { run, place, folder, ended, verifiedAt } = event;
      const proven = verifiedAt === undefined ? "no drill has verified it yet" : `verified ${timeInWords(verifiedAt)}`;
      return `run ${run}, place ${shownInLine(place)} (${shownInLine(folder)}), ended ${ended === undefined ? "?" : timeInWords(ended)}; ${proven}`;
    }
    case "target":
      return `into PostgreSQL ${shownInLine(event.version)} at ${event.address === "" ? "its socket" : shownInLine(event.address)}, port ${event.port}`;
    case "makeRole":
      return `makes the role ${shownInLine(event.name)}`;
    case "makeTablespace":
      return `makes the tablespace ${shownInLine(event.name)}`;
    case "make":
      return `makes the database ${shownInLine(event.target)} (${prettyBytes(event.bytes)})`;
    case "fill":
      return `fills the database ${shownInLine(event.target)}, which is empty (${prettyBytes(event.bytes)})`;
    case "replace":
      return `restores the database ${shownInLine(event.target)} beside the one that is there (${prettyBytes(event.bytes)}), then gives it its name; the one that is there is kept as ${shownInLine(event.kept)}`;
    case "part":
      return `${event.there === "missing" ? "makes" : "fills"} the database ${shownInLine(event.target)} with the definitions of all but foreign keys, and with the rows that are asked for`;
    case "schema":
      return `makes the schema ${shownInLine(event.schema)} in ${shownInLine(event.target)}, with all that was in it`;
    case "table":
      return tableInWords(event);
    case "space":
      return `space: ${prettyBytes(event.needed)} needed, ${prettyBytes(event.free)} free`;
    case "way":
      return `in the way: ${wayInWords(event.way)}`;
    case "error":
      return `${[event.database, event.file].flatMap((one) => (one === undefined ? [] : [shownInLine(one)])).join(" ")}: ${shownInLine(event.message)}`;
    case "remark":
      return remarkInWords(event);
    case "restored":
      return `${shownInLine(event.target)}: ${event.done ? `done in ${secondsInWords(event.seconds)}` : "not all of it came back"}`;
    case "kept":
      return `${shownInLine(event.database)}: the database that was there is kept as ${shownInLine(event.as)}: drop it when nobody needs it`;
    case "step":
    case "progress":
      return undefined;
  }
}

function tableInWords({ target, act, schema, table }: Extract<RestoreEvent, { code: "table" }>): string {
  const what = `${shownInLine(`${schema}.${table}`)} in ${shownInLine(target)}`;
  switch (act) {
    case "make":
      return `makes the table ${what}`;
    case "fill":
      return `fills the table ${what}, which is empty`;
    case "replace":
      return `replaces the rows of ${what}, and sets its sequences`;
  }
}

function remarkInWords({ database, about, message }: Extract<RestoreEvent, { code: "remark" }>): string {
  switch (about) {
    case "no-globals":
      return "this place has no roles of the run: owners and grants come back if their roles are there";
    case "sockets":
      return "the scratch server has no network, and is not kept from other servers' sockets: this host's kernel does not let its user do so (unshare -r -m)";
    case "network":
      return "the scratch server is not cut off from the network: this host's kernel does not let its user do so (unshare -r -m -n)";
    case "foreign-key":
      return `${database === undefined ? "" : `${shownInLine(database)}: `}the foreign key ${shownInLine(message)} is left out: the other table is missing, and brings it when it comes back`;
    case "mail":
      return `its mail waits: ${shownInLine(message)}`;
    default:
      return `${database === undefined ? "" : `${shownInLine(database)}: `}${shownInLine(message)}`;
  }
}

/** What is in the way of a restore, and what to do about it. */
export function wayInWords(way: Way): string {
  switch (way.code) {
    case "recovery":
      return "the server is a standby, and takes no writes: name the one that does (--server)";
    case "noGlobals":
      return "this place has no roles and tablespaces of the run: take another place, or leave --globals out";
    case "unknownDatabase":
      return `the run has no database ${shownInLine(way.database)}`;
    case "unknownSchema":
      return `${shownInLine(way.database)} has no schema ${shownInLine(way.schema)} in the run`;
    case "unknownTable":
      return `${shownInLine(way.database)} has no table ${shownInLine(way.table)} in the run`;
    case "database":
      return `the database ${shownInLine(way.database)} has something in it (${way.objects} objects): --replace keeps it under another name, --into NAME restores beside it`;
    case "rows":
      return `${shownInLine(`${way.schema}.${way.table}`)} in ${shownInLine(way.database)} has rows: --replace replaces them, --into NAME restores into another database`;
    case "role":
      return `the server has no role ${shownInLine(way.role)}, which objects of ${shownInLine(way.database)} belong or are granted to: --globals makes the run's roles`;
    case "tablespaceFolder":
      return `the folder ${shownInLine(way.folder)} of a tablespace is missing: make it, empty, as the server's OS user`;
    case "space":
      return `${prettyBytes(way.needed)} are needed, and ${prettyBytes(way.free)} are free`;
    case "damaged":
      return `${shownInLine(way.file)} of the run is not what was written: take another run, or another place`;
    case "other":
      return shownInLine(way.what);
  }
}

export function restoreOutcomeInWords(outcome: RestoreOutcome): string {
  switch (outcome.code) {
    case "done":
      return `done in ${secondsInWords(outcome.seconds)}. Statistics are not in a backup: vacuumdb --analyze-only`;
    case "dry":
      return "nothing was changed: this was a dry run";
    case "refused":
      return "refused: see what is in the way. Nothing was changed";
    case "failed":
      return `not all of it came back: ${outcome.faults} fault${outcome.faults === 1 ? "" : "s"}, each told above`;
    case "ended":
      return shownInLine(outcome.message === "" ? "it ended, and said nothing" : outcome.message);
  }
}

export function drillEventInWords(event: DrillEvent): string | undefined {
  switch (event.code) {
    case "compared":
      return `${shownInLine(event.database)}: ${event.equal ? "equal" : "differs"} (${event.tables} tables, ${event.rows} rows)`;
    case "difference":
      return differenceInWords(event.difference);
    default:
      return restoreEventInWords(event);
  }
}

function differenceInWords(difference: DrillDifference): string {
  const whose = difference.database === undefined ? "roles" : shownInLine(difference.database);
  switch (difference.code) {
    case "rows": {
      const { schema, table, expected, found } = difference;
      const is = found === undefined ? "is missing" : `has ${found} rows`;
      return `${whose}: ${shownInLine(`${schema}.${table}`)} ${is}, and the run says ${expected} rows`;
    }
    case "onlyInRun":
      return `${whose}: only in the run: ${shownInLine(difference.line)}`;
    case "onlyRestored":
      return `${whose}: only in what was restored: ${shownInLine(difference.line)}`;
    case "unknown":
      return `${whose}: it cannot be compared`;
  }
}

export function drillOutcomeInWords(outcome: DrillOutcome): string {
  switch (outcome.code) {
    case "equal":
      return `equal: the run counts as verified (${secondsInWords(outcome.seconds)})`;
    case "failed":
      return `the drill failed (${outcome.cause}): ${shownInLine(outcome.message)}. The run does not count as verified`;
    case "ended":
      return shownInLine(outcome.message === "" ? "the drill ended, and said nothing" : outcome.message);
  }
}

/** How old the newest runs are. @param now milliseconds since 1970 */
export function newestInWords({ whole, verified }: NewestRuns, now: number): string {
  if (whole === undefined) return "no backup has been made yet";
  const newest = `the newest backup is ${ageInWords(whole, now)} old`;
  if (verified === whole) return `${newest}, and a drill has verified it`;
  return verified === undefined
    ? `${newest}; no drill has verified any yet (pgsite drill)`
    : `${newest}, the newest verified one ${ageInWords(verified, now)}`;
}

/** Of a run, by its name: its start in UTC. */
export function ageInWords(run: string, now: number): string {
  const age = now - startOfRun(run);
  if (Number.isNaN(age)) return "?";
  return age < 0 ? "in the future" : prettyMilliseconds(age, { compact: true });
}

/** `2026-11-29 11:02:00 UTC` */
export function timeInWords(seconds: number): string {
  return new Date(seconds * 1000)
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, " UTC");
}

export function secondsInWords(seconds: number): string {
  return prettyMilliseconds(Math.round(seconds) * 1000);
}
