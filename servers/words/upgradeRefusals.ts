import prettyBytes from "pretty-bytes";
import { shownInLine } from "../../postgres/shown.js";
import type { Unsupported, UpgradePlan, UpgradeRefusal, Window } from "../../postgres/upgrade/model.js";
import { isDumped } from "../../postgres/upgrade/unsupported.js";
import { list, wayInWords } from "./upgradeWays.js";

/** Why nothing is upgraded as things are, in a sentence that ends with the remedy. */
export function refusedUpgradeInWords(plan: UpgradePlan, refusal: UpgradeRefusal): string {
  const { server, from } = plan;
  switch (refusal.code) {
    case "downgrade":
      return `its data are of ${refusal.from}, and no way leads back to ${refusal.to}: declare ${refusal.from}; data of an older version come by a dump of ${refusal.to}'s own making, into a new stack`;
    case "too old":
      return `data of ${refusal.from} are too old for programs that take ${refusal.oldest} and later: declare 14 first, bring that up, commit it, then declare ${plan.to}`;
    case "programs missing":
      return `${list(refusal.programs)} ${refusal.programs.length === 1 ? "is" : "are"} not in ${refusal.folder}, and ${wayInWords(refusal.way)}, takes ${refusal.programs.length === 1 ? "it" : "them"}: install the packages of server and clients of that version${refusal.way === "dump" ? "" : "; or upgrade.method: dump"}`;
    case "space":
      return `${refusal.server} has ${prettyBytes(refusal.free)} free, and ${refusal.server === server ? wayInWords(refusal.way) : "seeding it anew beside its old data"}, takes ${prettyBytes(refusal.needed)}: make room${refusal.way === "copy" ? "; or upgrade.method: link, which has no way back" : ""}`;
    case "no rollback not accepted":
      return `${wayInWords(refusal.way)} leaves no way back: say upgrade.acceptNoRollback: true, or take copy`;
    case "cannot clone":
      return "the file system of the data directory shares no blocks (XFS and Btrfs do), or the new version is older than 12: upgrade.method: copy, or auto";
    case "check":
      return `pg_upgrade --check refuses:\n${refusal.said.map((line) => `    ${shownInLine(line)}`).join("\n")}`;
    case "unsupported":
      return unsupportedInWords(refusal.kind, refusal.database, refusal.objects, plan);
    case "extension missing":
      return `the extension ${shownInLine(refusal.extension)} of the database ${shownInLine(refusal.database)} is not among the programs of ${plan.to}: install its package for ${plan.to}, or drop it there (DROP EXTENSION)`;
    case "programs older":
      return `the programs of ${refusal.version ?? plan.to} are older than those of ${from}: columns of ${list(refusal.databases.map(shownInLine))} have the mark pg_attver, which they do not know, and neither pg_upgrade nor pg_dump of theirs could bring them: install the newest minor version of ${plan.to}`;
    case "prepared transactions":
      return `${refusal.count} prepared transaction${refusal.count === 1 ? "" : "s"} would not come along: COMMIT PREPARED or ROLLBACK PREPARED (pg_prepared_xacts names them)`;
    case "folder closed":
      return `${refusal.path} is not ${refusal.user}'s to write, where old and new data change places by renaming, and pgsite cannot be root there: chown ${refusal.user} ${refusal.path}, or let pgsite be root (docs/preflight.md)`;
    case "rolled back before":
      return `${refusal.path} still holds what ${refusal.version} wrote before it was rolled back: remove it when nobody needs it (rm -rf ${refusal.path})`;
    case "mount point":
      return `${refusal.path} is a mount point, and old and new data change places by renaming: move the data directory into a folder of that file system, one level below`;
    case "layout":
      return `the layout ${refusal.layout} has the version in its paths, and a tool of its own for it: ${refusal.layout === "debian" ? `pg_upgradecluster ${from}` : "pg_upgrade by hand"}, then pgsite import; or a plain layout`;
    case "outside window":
      return `it is outside of the window ${windowInWords(refusal.window)}${refusal.next === "" ? ", which never opens" : `; the next opens ${refusal.next}`}: run pulumi up then, or take upgrade.window away`;
    case "defer takes dump":
      return `upgrade.defer leaves rows for later, and ${wayInWords(refusal.method)}, brings all at once: upgrade.method: dump`;
    case "stopped":
      return `${server} is stopped, and what an upgrade goes by (databases, encoding, who made it) only the running server says: start it (${refusal.programs}/pg_ctl start -D its data directory), and run again`;
    case "not primary":
      return `${server} is a standby: declare ${from} and the primary that is one, or have ${server} take over first (declare ${from}, pulumi up)`;
    case "uncommitted":
      return `data of ${refusal.from} are kept from the last upgrade: pgsite upgrade commit, when you need them no more, or pgsite upgrade rollback`;
    case "migration unfinished":
      return "history that the last upgrade deferred is not all there: pgsite migrate status says how far it is; wait for it";
    case "upstream first":
      return `${refusal.upstream} is ${refusal.version === undefined ? "not known to be" : `PostgreSQL ${refusal.version}, and not`} ${plan.to} yet: bring up the stack that has it first`;
  }
}

const weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

function windowInWords({ from, until, days, timeZone }: Window): string {
  const on = days === undefined ? "" : ` on ${days.map((day) => weekdays[day]).join(", ")}`;
  return `from ${from} until ${until}${on} (${timeZone})`;
}

const dropIt = "drop these columns, or give them another type";

const unsupported: Readonly<Record<Unsupported, { readonly why: string; readonly remedy: string }>> = {
  "reg* columns": {
    why: "are of a reg* type, whose OIDs pg_upgrade does not keep",
    remedy: "give them the type text",
  },
  "composite types of the system": {
    why: "are of a type of the system's own, whose OID pg_upgrade does not keep",
    remedy: dropIt,
  },
  abstime: {
    why: "are of abstime, reltime or tinterval, which ended with 11",
    remedy: "make them timestamptz or interval",
  },
  "unknown columns": { why: "are of the type unknown, which no table may have from 10 on", remedy: "make them text" },
  "with oids": {
    why: "are tables WITH OIDS, which ended with 11",
    remedy: "ALTER TABLE … SET WITHOUT OIDS, where nobody needs them",
  },
  sql_identifier: { why: "are of sql_identifier, which is stored otherwise from 12 on", remedy: "make them text" },
  "postfix operators": { why: "are postfix operators, which ended with 13", remedy: "drop them, and call functions" },
  "polymorphic aggregates": {
    why: "go by array functions whose arguments are anycompatiblearray from 14 on",
    remedy: "drop them, and make them again afterwards with those types",
  },
  "line columns": { why: "are of the type line, which is stored otherwise from 9.4 on", remedy: dropIt },
  "aclitem columns": { why: "are of aclitem, which is stored otherwise from 16 on", remedy: "make them text" },
  "encoding conversions": {
    why: "are conversions whose functions take other arguments from 14 on",
    remedy: "drop them, and make them again afterwards",
  },
  "inherited not-null": {
    why: "may be null where the parent's column may not, which 18 refuses",
    remedy: "ALTER TABLE … ALTER COLUMN … SET NOT NULL",
  },
  "roles called pg_": {
    why: "are roles whose name begins with pg_, which is the system's from 9.6 on",
    remedy: "rename them",
  },
  "settings that ended": {
    why: "have a setting that the new version has no more, and both pg_upgrade and a dump come to grief by it",
    remedy: "ALTER ROLE or ALTER DATABASE … RESET of it",
  },
  "functions with settings that ended": {
    why: "set a setting that the new version has no more, and both pg_upgrade and a dump come to grief by it",
    remedy: "ALTER FUNCTION … RESET of it",
  },
  "databases without connections": {
    why: "are databases that take no connections",
    remedy: "ALTER DATABASE … ALLOW_CONNECTIONS true, or drop them",
  },
};

/** In no one database. */
const ofCluster: ReadonlySet<Unsupported> = new Set([
  "roles called pg_",
  "databases without connections",
  "settings that ended",
]);

function unsupportedInWords(
  kind: Unsupported,
  database: string,
  objects: readonly string[],
  { way }: UpgradePlan,
): string {
  const { why, remedy } = unsupported[kind];
  const where = ofCluster.has(kind) ? "" : ` in ${shownInLine(database)}`;
  const dump = way !== "dump" && isDumped(kind) ? "; or upgrade.method: dump, which takes them along" : "";
  return `${list(objects)}${where} ${why}: ${remedy}${dump}`;
}
