import prettyBytes from "pretty-bytes";
import prettyMilliseconds from "pretty-ms";
import type {
  MoveEvent,
  MoveFacts,
  MoveObstacle,
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
    case "no files":
      return `${obstacleInWords(refusal.obstacle)}. Without --way archive it goes by dump and restore${refusal.obstacle.code === "collation" ? "; or say --accept-collation, and run REINDEX DATABASE in each after the move" : ""}`;
    case "version":
      return refusal.older
        ? `the programs on the new host are ${refusal.to}, older than its data (${refusal.from}): nothing goes back to an older version but by dump`
        : `the programs on the new host are ${refusal.to}, and its data ${refusal.from}: install those of ${refusal.from} there: an upgrade comes before a move or after it (docs/upgrade.md)`;
    case "programs missing":
      return `${refusal.folder} on ${refusal.host} lacks ${refusal.programs.join(", ")}: a dump and a restore take the client programs of that very version (in the folder of the server's programs, or in PATH)`;
    case "closed databases":
      return `the databases ${refusal.databases.map(shownInLine).join(", ")} let nobody in, so nothing can be read of them: allow it (ALTER DATABASE … ALLOW_CONNECTIONS true), or drop them`;
    case "prepared transactions":
      return `${refusal.count} prepared transactions wait, which no dump brings: COMMIT PREPARED, or ROLLBACK PREPARED, first`;
    case "subscriptions":
      return `the subscriptions ${refusal.names.map(shownInLine).join(", ")} would come disabled, and nobody would know from where on they go on: drop them, and create them anew afterwards`;
    case "locale missing":
      return `${refusal.databases.map(shownInLine).join(", ")} (${shownInLine(refusal.locale)}) cannot be made on ${refusal.host}: ${shownInLine(refusal.said)}`;
    case "tablespace inside":
      return `the tablespaces ${refusal.paths.join(", ")} lie in the data directory, which is another there: move them out of it (ALTER TABLE … SET TABLESPACE)`;
    case "place taken":
      return `${refusal.path} on ${refusal.host} is ${refusal.is}: it is left untouched. Name another path (--data-directory), or move it away`;
    case "file apart":
      return `${refusal.path} in its data directory is a link to the file ${refusal.leadsTo}: put the file itself there, then run again`;
    case "shared tablespaces":
      return `${refusal.paths.join(", ")} would be used by the copy and by what is left: move to a path on the same file system, which takes no copy`;
    case "space":
      return `${refusal.path} on ${refusal.host} has ${prettyBytes(refusal.free)} free, and ${prettyBytes(refusal.needed)} are needed`;
    case "preflight":
      return refusal.messages.join("\n  ");
    case "programs do not run":
      return `${refusal.path} on ${refusal.host} makes no cluster: ${shownInLine(refusal.said)}`;
  }
}

/** Why files of the one place are nothing to the other. */
export function obstacleInWords(obstacle: MoveObstacle): string {
  switch (obstacle.code) {
    case "architecture":
      return `its data are of ${obstacle.from}, and the new host is ${obstacle.to}`;
    case "build":
      return `the programs on the new host were built otherwise (${obstacle.differs.join(", ")})`;
    case "collation": {
      const whose = `the order of texts in ${obstacle.databases.map(shownInLine).join(", ")}`;
      const [from, to] = [obstacle.from || "an unknown version", obstacle.to || "an unknown version"];
      if (obstacle.by === "system") return `${whose} is of ${from}, and the new host is ${to}`;
      return `${whose} is by ${obstacle.by} ${from}, and the new host has ${to}`;
    }
  }
}

export function phaseInWords(phase: MovePhase): string {
  switch (phase) {
    case "copying":
      return "it is being copied, or got ready for, while it runs at the old place";
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
    case "cluster made":
      return `a cluster as the old one was made is at the new place, and starts there by itself (system identifier ${event.systemIdentifier})`;
    case "left behind":
      return `${event.names.map(shownInLine).join(", ")}: pgsite does not know what is in these folders, and they stay at the old place: copy them if they are needed`;
    case "restoring":
      return `${event.databases} databases by dump and restore (${prettyBytes(event.bytes)} with their indexes)`;
    case "contents compared":
      return `both have the same: ${event.things} things were compared (roles, databases, settings, privileges, sequences, counts)`;
    case "statistics":
      return "making statistics, while clients work there already";
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
  const { server, way, from, to, apart, obstacles } = facts;
  const how = wayInWords(facts);
  return [
    `${server}: ${how}`,
    ...(way === "dump" ? obstacles.map((one) => `why not by its files: ${obstacleInWords(one)}`) : []),
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

function wayInWords({ way, bytes, walBytes, dump }: MoveFacts): string {
  switch (way) {
    case "rename":
      return "its data directory is renamed on its file system: nothing is copied, and the stop takes seconds";
    case "archive":
      return `${prettyBytes(bytes + walBytes)} are copied in two passes: the first while it runs; then it stops for what has changed meanwhile (WAL is ${prettyBytes(walBytes)} of it now, most of which goes in the first)`;
    case "dump":
      return `by dump and restore, ${dump?.jobs ?? 1} at once, from host to host without a file in between. It is stopped for all of it: about ${prettyMilliseconds((dump?.downtime ?? 0) * 1000, { unitCount: 2 })}, an estimate; ${prettyBytes(dump?.size ?? 0)} of databases, for which the new place has to have ${prettyBytes(dump?.needed ?? 0)}${slotsInWords(dump?.slots ?? [])}`;
  }
}

function slotsInWords(slots: readonly string[]): string {
  return slots.length === 0 ? "" : `. Its replication slots do not come along: ${slots.map(shownInLine).join(", ")}`;
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
