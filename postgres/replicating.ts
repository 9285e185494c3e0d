import { atLeast, type Major } from "./versions.js";

/** What a role must be so that standbys may connect as it. */
interface ReplicatingRow {
  readonly from: Major;
  /** The role that standbys connect as if nobody names one; undefined: the administrator. */
  readonly usualRole?: string;
  /** Whether a role has the attribute REPLICATION. */
  readonly attribute: boolean;
  /** Whether a superuser may without it. */
  readonly superuser: boolean;
}

/** Oldest first; a version is described by the last row that is not newer than it. */
const rows: readonly ReplicatingRow[] = [
  { from: "9.0", attribute: false, superuser: true },
  { from: "9.1", usualRole: "replicator", attribute: true, superuser: false },
  { from: "9.2", usualRole: "replicator", attribute: true, superuser: true },
];

export function replicating(version: Major): ReplicatingRow {
  return rows.findLast(({ from }) => atLeast(version, from)) as ReplicatingRow;
}

/** The role that standbys connect as if a stack names none. */
export function usualReplicationRole(version: Major, administrator: string): string {
  return replicating(version).usualRole ?? administrator;
}
