import prettyBytes from "pretty-bytes";
import type {
  MoveEvent,
  MoveFacts,
  MovePhase,
  MoveRefusal,
  StackChange,
  WrittenSince,
} from "../../postgres/move/model.js";
import { shownInLine } from "../../postgres/shown.js";

export function moveRefusalInWords(refusal: MoveRefusal): string {
  switch (refusal.code) {
    case "not single":
      return `${refusal.server} is one of several servers (${refusal.others.join(", ")}): move it without a stop by declaring a standby on the new host, pulumi up, and making that the primary (docs/switchover.md)`;
    case "unknown role":
      return `${refusal.server} is a ${refusal.role}, and follows another server: declare one on the new host in its place, and pulumi up`;
    case "same place":
      return "it is there already: name another host (--to), or another path (--data-directory)";
    case "layout":
      return `its layout is ${refusal.layout}, whose folders, unit and start.conf are the distribution's: on the new host make a standby of it (a server of the stack), and switch over; or dump and restore (docs/dump.md)`;
    case "files differ":
      return `its configuration is not as the stack declares it (${refusal.names.join(", ")}), so nobody knows what it is to be at the new place: pulumi up first, or take over what was changed by hand`;
    case "not ours":
      return `${refusal.path} is ${refusal.is}, and no data that pgsite made: pgsite import takes a server over`;
    case "not running":
      return "it does not run: start it first (pgsite start), so that what is to be there afterwards is known";
    case "upgrade under way":
      return "an upgrade of it is not committed yet: pgsite upgrade commit, or rollback, first";
    case "under way":
      return `a move of it to ${refusal.to} has begun (${refusal.phase}): name that again to go on, or go back (pgsite move rollback)`;
    case "none under way":
      return `no move of ${refusal.server} is under way`;
    case "not done":
      return `the move is not through (${phaseInWords(refusal.phase)}): run pgsite move again to go on, or pgsite move rollback`;
    case "architecture":
      return `its data are of ${refusal.from}, and the new host is ${refusal.to}: files of one are nothing to the other. Make a new server there, and dump and restore (docs/dump.md)`;
    case "version":
      return refusal.older
        ? `the programs on the new host are ${refusal.to}, older than its data (${refusal.from}): nothing goes back to an older version but by dump`
        : `the programs on the new host are ${refusal.to}, and its data ${refusal.from}: install those of ${refusal.from} there; another version is an upgrade (docs/upgrade.md), or dump and restore`;
    case "build":
      return `the programs on the new host were built otherwise (${refusal.differs.join(", ")}): install those of the same make there, or dump and restore`;
    case "collation":
      return `the new host sorts by ${refusal.by} ${refusal.to || "of an unknown version"}, and the indexes of ${refusal.databases.join(", ")} were made by ${refusal.from || "another"}: they may be wrong until REINDEX DATABASE is run in each. Say --accept-collation, and run it after the move`;
    case "place taken":
      return `${refusal.path} on ${refusal.host} is ${refusal.is}: it is left untouched. Name another path (--data-directory), or move it away`;
    case "file apart":
      return `${refusal.path} in its data directory is a link to the file ${refusal.leadsTo}: put the file itself there, then run again`;
    case "shared tablespaces":
      return `${refusal.paths.join(", ")} would be used by the copy and by what is left: move to a path on the same file system, which takes no copy`;
    case "mounted":
      return `${refusal.path} is mounted there: a folder that is a mount point is not renamed, and one below it would stay behind`;
    case "space":
      return `${refusal.path} on ${refusal.host} has ${prettyBytes(refusal.free)} free, and the data have ${prettyBytes(refusal.needed)}`;
    case "preflight":
      return refusal.messages.join("\n  ");
    case "programs do not run":
      return `${refusal.path} on ${refusal.host} makes no cluster: ${shownInLine(refusal.said)}`;
  }
}

export function phaseInWords(phase: MovePhase): string {
  switch (phase) {
    case "copying":
      return "it is being copied while it runs at the old place";
    case "stopping":
      return "it is stopped, or about to be, at the old place, and the rest is being copied";
    case "copied":
      return "the copy is whole and compared; the old place is as it was, and stopped";
    case "switching":
      return "the old data directory is being renamed, and the new one takes its place";
    case "started":
      return "it was started at the new place, and is not proven yet";
    case "done":
      return "it works at the new place; the old data are kept until pgsite move commit";
  }
}

export function moveEventInWords(event: MoveEvent): string {
  switch (event.code) {
    case "first pass":
      return `copying ${prettyBytes(event.bytes)} while it runs`;
    case "stopping":
      return "stopping it: nobody can work from here on";
    case "second pass":
      return `copying what has changed since: ${event.files} files, ${prettyBytes(event.bytes)}`;
    case "compared":
      return `the copy is that of ${event.files} files, by name, size and the SHA-256 of ${event.sums} streams at both ends`;
    case "renamed":
      return `${event.from} is ${event.to} now`;
    case "no service":
      return `nothing starts it with its host yet (${shownInLine(event.because)}): pulumi up sees to that`;
    case "proven":
      return `it works at the new place (system identifier ${event.systemIdentifier}); nobody could work for ${event.downtime.toFixed(1)} s`;
    case "back":
      return `it is back at the old place${event.running ? ", and runs" : ""}${event.kept === undefined ? "" : `; what lay at the new one is kept in ${event.kept}`}`;
    case "other counts":
      return `${event.what}: ${event.before ?? "nothing"} when it was counted before, ${event.now ?? "nothing"} now: clients made or dropped something meanwhile`;
    case "line":
      return event.text;
  }
}

/** What would be done. */
export function movePlanInWords(facts: MoveFacts, changes: readonly StackChange[]): readonly string[] {
  const { server, way, bytes, walBytes, from, to, apart } = facts;
  const how =
    way === "rename"
      ? "its data directory is renamed on its file system: nothing is copied, and the stop takes seconds"
      : `${prettyBytes(bytes + walBytes)} are copied in two passes: the first while it runs; then it stops for what has changed meanwhile (WAL is ${prettyBytes(walBytes)} of it now, most of which goes in the first)`;
  return [
    `${server}: ${how}`,
    `programs ${from.programs} there, ${to.programs} here; ${from.machine}, ${to.machine}; ${from.libc}, ${to.libc}`
      .replace("there", "at the old place")
      .replace("here", "at the new"),
    ...apart.map(({ link, leadsTo }) =>
      way === "rename" ? `${link} stays in ${leadsTo}` : `${link} goes to the same path there: ${leadsTo}`,
    ),
    "the old data are kept, under another name and without a service, until pgsite move commit; pgsite move rollback goes back",
    ...stackChangeInWords(changes),
  ];
}

export function stackChangeInWords(changes: readonly StackChange[]): readonly string[] {
  if (changes.length === 0) return [];
  const lines = changes.map(({ path, from, to }) => `  pgsite:${path}: ${from === "" ? "" : `${from} → `}${to}`);
  return ["the stack file then has to say:", ...lines];
}

export function writtenSinceInWords({ walBytes, tables }: WrittenSince): readonly string[] {
  const shown = tables
    .slice(0, 20)
    .map(({ database, table, rows }) => `  ${database}: ${shownInLine(table)}: ${rows} rows`);
  const more = tables.length > 20 ? [`  and ${tables.length - 20} more tables`] : [];
  return [
    `since it moved, ${prettyBytes(walBytes)} of WAL were written there; rows inserted, changed or deleted:`,
    ...(shown.length === 0 ? ["  none"] : shown),
    ...more,
  ];
}
