import prettyBytes from "pretty-bytes";
import type {
  Content,
  DumpEvent,
  DumpRefusal,
  Holder,
  RestoreDumpEvent,
  RestoreWay,
} from "../../postgres/dumps/model.js";
import { shownInLine } from "../../postgres/shown.js";

/** Whom a dump waits for. */
export function holderInWords({ relation, granted, pid, user, application, from, seconds }: Holder): string {
  const by = application === "" ? "" : `, application "${shownInLine(application)}"`;
  return `process ${pid} of ${shownInLine(user)}${by}, from ${from ?? "its own host"}, ${granted ? "holds" : "waits for"} a lock on ${shownInLine(relation)}, in a transaction of ${seconds} s`;
}

/** Why no dump was made, or none brought back; and what to do. */
export function dumpRefusalInWords(refusal: DumpRefusal): string {
  switch (refusal.code) {
    case "no program":
      return `${refusal.host} has no ${refusal.program} in ${refusal.folders.join(", ")} or in PATH: install the client programs of the server's version`;
    case "program too old":
      return `${refusal.path} is of PostgreSQL ${refusal.version}, and ${refusal.server} needs one of ${refusal.needed} or newer: install the client programs of the server's version`;
    case "no database":
      return `${refusal.server} has no database ${JSON.stringify(refusal.database)}; it has ${refusal.there.join(", ")}`;
    case "is there":
      return `${refusal.path} on ${refusal.host} is there already: name another, or remove it`;
    case "no folder":
      return `${refusal.path} on ${refusal.host} cannot be written (${refusal.because})`;
    case "jobs need the host":
      return refusal.act === "dump"
        ? `several jobs write a folder on the server's own host: name it with --on-host PATH (of ${refusal.host})`
        : `several jobs read from the server's own host: carry the dump to ${refusal.host}, and name it with --on-host`;
    case "space":
      return `${refusal.path} on ${refusal.host} has ${prettyBytes(refusal.free)} free, and the database has ${prettyBytes(refusal.size)}: its disk may become full; choose another place, or say --no-space-check where the dump is known to be much smaller`;
    case "locked":
      return `${refusal.database}: ${holderInWords(refusal.holder)}, for more than ${refusal.seconds} s (--lock-wait): let it end, or end it (select pg_terminate_backend(${refusal.holder.pid})), and run again`;
    case "dump failed":
      return `pg_dump of ${refusal.database} ended with status ${refusal.status}: ${shownInLine(refusal.said) || "it says nothing"}`;
    case "write failed":
      return `${refusal.path} on ${refusal.host} could not be written: ${shownInLine(refusal.said) || "it says nothing"}`;
    case "checksum":
      return `${refusal.path} is not what was written: its SHA-256 is ${refusal.is}, and ${refusal.wanted} was noted; carry it again, or make it anew`;
    case "unreadable":
      return `${refusal.path} cannot be read to its end (cut off, or changed): ${shownInLine(refusal.said) || "pg_restore says nothing"}`;
    case "no dump":
      return `there is no ${refusal.path} on ${refusal.host}`;
    case "no archive":
      return `${refusal.path} is not a dump of pg_dump's in custom or directory format: a script (.sql) is for psql`;
    case "newer than the server":
      return `${refusal.path} is of PostgreSQL ${refusal.version}, which is newer than ${refusal.server} (${refusal.serverVersion}): restore it into a server of that version`;
    case "not empty":
      return `${refusal.database} on ${refusal.server} is not empty: it holds ${contentInWords(refusal.content)}. Nothing was touched. An empty database takes it as it is; --clean drops first what the dump has of the same names`;
    case "not writable":
      return `no server of the site ${refusal.site} takes writes now (${refusal.because.join("; ")}): start it, and run again`;
    case "restore failed": {
      const said = refusal.said.map(shownInLine).join("; ") || "it says nothing";
      const left = refusal.undone
        ? "all of it was one transaction, and nothing of it remains"
        : "what came before it is there: make the database anew, or restore with --clean";
      return `the restore into ${refusal.database} ended with status ${refusal.status}: ${said}; ${left}`;
    }
  }
}

export function contentInWords(content: readonly Content[]): string {
  return content
    .map(
      ({ kind, count, first }) =>
        `${count} ${count === 1 ? kind : `${kind}s`} (${shownInLine(first)}${count > 1 ? ", …" : ""})`,
    )
    .join(", ");
}

export function restoreWayInWords(way: RestoreWay): string {
  switch (way) {
    case "one transaction":
      return "in one transaction: all of it, or nothing";
    case "piecewise":
      return "piece by piece until the first error, since it has more objects than one transaction of this server can lock";
    case "jobs":
      return "by several sessions at once until the first error, so not in one transaction";
  }
}

export function dumpEventInWords(event: DumpEvent): string {
  switch (event.code) {
    case "dumping":
      return `${event.database} of ${event.server} has ${prettyBytes(event.size)}; its dump is compressed, so progress against that is an estimate`;
    case "waits":
      return `waits for a lock since ${event.seconds} s: ${holderInWords(event.holder)}`;
    case "checking":
      return `reading ${event.path} whole`;
  }
}

export function restoreDumpEventInWords(event: RestoreDumpEvent): string {
  switch (event.code) {
    case "read": {
      const { header, sum } = event;
      return `${event.path} is whole: ${header.database} of PostgreSQL ${shownInLine(header.server)}, made ${header.made} by pg_dump ${shownInLine(header.dumper)}, ${prettyBytes(event.bytes)}${sum ? "" : " (its table of contents)"}`;
    }
    case "will": {
      const { content, clean } = event;
      const is = content.length === 0 ? "is empty" : `holds ${contentInWords(content)}`;
      const dropped = clean && content.length > 0 ? "; what the dump has of the same names is dropped first" : "";
      return `${event.database} on ${event.server} ${is}${dropped}; ${event.entries} entries, ${restoreWayInWords(event.way)}`;
    }
    case "grown":
      return `${event.database} has ${prettyBytes(event.bytes)} now`;
  }
}
