import type { RoleChange } from "../../installed/runbook/roles.js";
import { shownInLine } from "../../postgres/shown.js";
import type { Left } from "../../postgres/wal/forks.js";
import type { Update } from "../page/update.js";
import { lsnOf } from "../sql/sql.js";
import type { Journal } from "../upgrade/journal.js";
import type { PastUpgrade } from "../upgrade/past.js";
import { secondsInWords } from "./backups.js";
import { wayInWords } from "./upgradeWays.js";

/** What a run of Pulumi's did: `pulumi up: 3 create, 1 update, 20 same`. */
export function updateInWords({ kind, changes, message }: Update): string {
  const counts = Object.entries(changes)
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${count} ${what}`);
  const command = kind === "update" ? "up" : kind;
  const said = message.trim() === "" ? "" : ` (${shownInLine(message.trim())})`;
  return `pulumi ${command}${counts.length === 0 ? "" : `: ${counts.join(", ")}`}${said}`;
}

/** What became of a server. */
export function roleChangeInWords({
  server,
  what,
  other,
  by,
}: Omit<RoleChange, "at"> & { readonly server: string }): string {
  const whom = other === undefined ? "another server" : shownInLine(other);
  const script = (name: string) => (by === "hand" ? ` (runbook/${name})` : "");
  switch (what) {
    case "promoted":
      return `${server} took over from ${whom}${script("failover")}`;
    case "follows":
      return `${server} follows ${whom}${script("repoint")}`;
    case "rejoined":
      return `${server} became a standby of ${whom}${script("rejoin")}`;
  }
}

/** That a timeline began: a server took writes from then on. */
export function timelineInWords({
  number,
  server,
  from,
  note,
}: {
  readonly number: number;
  readonly server: string | undefined;
  readonly from: Left | undefined;
  /** The same as somebody wrote it down. */
  readonly note: (Omit<RoleChange, "at"> & { readonly server: string }) | undefined;
}): string {
  const who = note === undefined ? `${server ?? "a server"} took over` : roleChangeInWords(note);
  const where =
    from === undefined
      ? ""
      : `, from ${from.timeline} ${"until" in from ? `at ${lsnOf(from.until)}` : `in ${from.segment}`}`;
  return `${who}: timeline ${number} begins${where}`;
}

export function upgradeDoneInWords({ from, to, was }: PastUpgrade): string {
  return `upgraded from PostgreSQL ${from} to ${to} by ${wayInWords(was.way)}; clients waited ${secondsInWords(was.downtime)}`;
}

/** Of an upgrade that is not committed yet. */
export function upgradeInWords({ role, from, to, way, phase, rollingBack }: Journal): string {
  if (rollingBack === true) return `the upgrade from PostgreSQL ${from} to ${to} is being taken back`;
  if (role === "standby") return `set aside with data of PostgreSQL ${from}, to be seeded anew with ${to}`;
  return phase === "done"
    ? `upgraded from PostgreSQL ${from} to ${to} by ${wayInWords(way)}; it waits for pgsite upgrade commit`
    : `the upgrade from PostgreSQL ${from} to ${to} by ${wayInWords(way)} is under way (${phase})`;
}
