import { atLeast, type Major } from "../../postgres/versions.js";
import {
  buildOf,
  hasChecksums,
  isAtRest,
  logsHints,
  minimumReached,
  recordedFloors,
  recordedRole,
  walSegmentSize,
  wasShutDown,
} from "../../postgres/wal/controlFile.js";
import { formatOf, positionIn } from "../../postgres/wal/formats.js";
import { timelineIn } from "../../servers/wal/timelines.js";
import { lsnText } from "../../servers/wal/walSegments.js";

/** What pgsite reads in a control file. */
export function judgedByUs(major: Major, file: Buffer) {
  const minimum = minimumReached(major, file);
  return {
    role: recordedRole(file),
    atRest: isAtRest(file),
    shutDown: wasShutDown(file),
    timeline: timelineIn(major, file),
    checkpoint: lsnText(positionIn(file, 32, formatOf(major))),
    identifier: `${file.readBigUInt64LE(0)}`,
    minimum: minimum === undefined ? undefined : [lsnText(minimum.position), minimum.timeline],
    floors: recordedFloors(major, file),
    segment: walSegmentSize(major, file),
    checksums: hasChecksums(major, file),
    hints: logsHints(major, file),
    build: buildOf(major, file),
  };
}

/** The same by the words of pg_controldata. */
export function judgedByWords(major: Major, said: Readonly<Record<string, string>>): ReturnType<typeof judgedByUs> {
  const state = said["Database cluster state"] ?? "";
  const recovers = ["shut down in recovery", "in archive recovery"].includes(state);
  const number = (name: string) => Number(said[name]);
  const setting = (name: string) => number(`${atLeast(major, "9.5") ? name : `Current ${name}`} setting`);
  // Of what was never in recovery the file says 0/0.
  const minimum = [
    said["Minimum recovery ending location"] ?? "",
    number("Min recovery ending loc's timeline"),
  ] as const;
  return {
    role: recovers
      ? "recovery"
      : ["shut down", "shutting down", "in production"].includes(state)
        ? "primary"
        : undefined,
    atRest: state.startsWith("shut down"),
    shutDown: state === "shut down",
    timeline: number("Latest checkpoint's TimeLineID"),
    checkpoint: said["Latest checkpoint location"] ?? "",
    identifier: said["Database system identifier"] ?? "",
    minimum: !recovers || !atLeast(major, "9.3") ? undefined : [...minimum],
    floors: {
      max_connections: setting("max_connections"),
      ...(atLeast(major, "9.4") ? { max_worker_processes: setting("max_worker_processes") } : {}),
      max_prepared_transactions: setting("max_prepared_xacts"),
      max_locks_per_transaction: setting("max_locks_per_xact"),
    },
    segment: number("Bytes per WAL segment"),
    checksums: (said["Data page checksum version"] ?? "0") !== "0",
    hints:
      atLeast(major, "9.5") &&
      [said["wal_log_hints setting"], said["Data page checksum version"]].some((one) => one === "on" || one === "1"),
    build: {
      pg_control_version: number("pg_control version number"),
      "catalog version": number("Catalog version number"),
      alignment: number("Maximum data alignment"),
      "float format": 1234567,
      "block size": number("Database block size"),
      "segment size": number("Blocks per segment of large relation"),
      "WAL block size": number("WAL block size"),
      "name length": number("Maximum length of identifiers"),
      "index columns": number("Maximum columns in an index"),
      "TOAST chunk": number("Maximum size of a TOAST chunk"),
    },
  };
}
