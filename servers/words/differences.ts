import { replacedName } from "../../config/controlDirectory.js";
import type { Consequence, DataRefusal, Difference, Found, SettingFound, Thing } from "../../postgres/differences.js";
import { onOneLine } from "../../postgres/printable.js";
import { divergenceInWords } from "./divergence.js";
import { lockedOutInWords, mendInWords } from "./lockedOut.js";
import { replicationInWords, roleInWords, slotInWords, slotRemedy } from "./positions.js";
import { supersededWords } from "./problems.js";
import { needInWords } from "./viewers.js";

/** A difference as people read it: each cell of a table, or together one sentence. */
export interface ShownDifference {
  readonly server?: string;
  /** What differs, as an administrator would call it: `postgresql.conf max_connections`, `role reader`. */
  readonly object: string;
  /** What is there: `300`, `missing`, `stopped`. */
  readonly there: string;
  /** What is declared; left out where `there` says it all. */
  readonly declared?: string;
  readonly consequence: Consequence;
}

/** One sentence: `server3: postgresql.conf max_connections is 300, declared 400: restart in order`. */
export function sentence(difference: Difference): string {
  const { server, object, there, declared, consequence } = shownDifference(difference);
  const place = server === undefined ? "" : `${server}: `;
  // What a server does is a verb.
  if (difference.object.kind === "replication")
    return onOneLine(`${place}${object}: ${there} (declared: ${declared}): ${consequence}`);
  const wanted = declared === undefined ? "" : `, declared ${declared}`;
  const pause = difference.object.kind === "rule" && difference.object.line !== undefined ? "," : "";
  return onOneLine(`${place}${object}${pause} is ${there}${wanted}: ${consequence}`);
}

export function shownDifference({ server, object, there, declared, consequence }: Difference): ShownDifference {
  return {
    ...(server === undefined ? {} : { server }),
    object: thing(object),
    there: `${found(there, object, server ?? "")}${adviceOn(object)}`,
    ...(declared === undefined ? {} : { declared: found(declared, object, server ?? "") }),
    consequence,
  };
}

function thing(object: Thing): string {
  switch (object.kind) {
    case "server":
      return "the server";
    case "way in":
      return "the way in";
    case "program":
      return "the program of the running server";
    case "data directory":
      return "the data directory";
    case "position":
      return "role";
    case "version":
    case "replication":
    case "timeline":
      return object.kind;
    case "setting":
      return `${object.file} ${object.line === undefined ? "" : `line ${object.line} `}${object.name}`;
    case "running setting":
      return `${object.name} of the running server`;
    case "session setting":
      return `${object.name} of ${object.whom}`;
    case "file":
      return object.file;
    case "file text":
      return `the text of ${object.file}`;
    case "file access":
      return `mode and owner of ${object.file}`;
    case "line":
      return `${object.file} ${object.line}`;
    case "rule":
      return object.line === undefined
        ? `pg_hba.conf ${object.rule}`
        : `pg_hba.conf line ${object.line}, ${object.rule}`;
    case "rule order":
      return "the order of rules in pg_hba.conf";
    case "rules in force":
      return "pg_hba.conf of the running server";
    case "host file":
      return `${object.part === undefined ? "" : `the ${object.part} of `}${object.path} on ${object.host}`;
    case "link":
      return `the link ${object.path} on ${object.host}`;
    case "viewers' need":
      return needInWords(object.unmet, object.host);
    case "httpd":
      return `httpd of the web viewers on ${object.host}`;
    case "service":
      return `the service ${object.name}${object.part === undefined ? "" : ` ${object.part}`}`;
    case "schedule":
      return `the schedule ${object.name} on ${object.host}${object.part === "at boot" ? " at boot" : ""}`;
    case "mail alias":
      return `the mail alias ${object.name} on ${object.host}`;
    case "certificate":
      return "the certificate";
    case "certificate key":
      return "the key of the certificate";
    case "private file":
      return object.path;
    case "role":
    case "database":
      return `${object.part === undefined ? "" : `${object.part} of `}${object.kind} ${object.name}`;
    case "schema":
      return `${object.part === undefined ? "" : `${object.part} of `}schema ${object.name} in database ${object.database}`;
    case "slot":
      return `replication slot ${slotInWords(object.slot)}`;
  }
}

const plain = {
  missing: "missing",
  nowhere: "nowhere",
  running: "running",
  lost: "known as lost (it was declared so, and no `up` has come to its end since)",
  none: "nothing",
  unwanted: "there and must not be",
  another: "another than declared",
  "another secret": "another than declared (secret, so not shown)",
  "same meaning": "not as declared, and means the same",
  "another order": "not as declared (the first that matches decides)",
  "not run": "not run by anybody (its timer was stopped, or no cron runs there)",
  "no setting": "not a setting",
  "no rule": "not a rule",
  "no link": "no link: move away what is there",
  "in the way": `no link (\`up\` keeps what is there beside it, as ${replacedName("NAME")})`,
  "not in force": "running with another configuration than declared",
  "no certificate": "no certificate",
  "not presented": "not the one that it presents",
  silent: "running and does not answer within a few seconds",
  "in doubt":
    "in doubt (the file was touched after the server last read it: rules that it no longer has may be in force)",
  superuser: "a superuser",
  "not comparable":
    "not known to be as declared (its verifier has more iterations than pgsite computes; a new one takes its place)",
  primary: "primary (it takes writes)",
  "kept WAL": "there and keeps WAL",
  "the site's": "the site's",
} as const;

function found(found: Found, object: Thing, server: string): string {
  if (typeof found === "string") return found;
  switch (found.is) {
    case "setting":
      return setting(found);
    case "stopped":
      return found.superseded === undefined
        ? "stopped"
        : `stopped (its last start was refused: ${supersededWords(found.superseded)})`;
    case "locked":
      return `closed, ${lockedOutInWords(found.lock)}; ${mendInWords(found.lock)}`;
    case "not taken":
      return `not willing to take ${found.line}`;
    case "undeclared":
      return `there${found.open ? ", lets in without a password," : ""} and not declared`;
    case "certificate": {
      const day = found.ends.slice(0, 10);
      return found.ended ? `one that ended on ${day}` : `valid until ${day}`;
    }
    case "gone":
    case "empty":
    case "incomplete": {
      const left = found.is === "incomplete" ? "incomplete (its seeding was cut off)" : found.is;
      return found.refused === undefined
        ? left
        : `${left}, and \`up\` will refuse to make it anew: ${why(found.refused)}`;
    }
    case "replication":
      return object.kind === "position"
        ? `${roleInWords(found.replication)}; if it is meant to be the primary, declare pgsite:primary: ${server}`
        : replicationInWords(found.replication);
    case "diverged":
      return divergenceInWords(server, found.divergence);
    case "another secret":
      if (object.kind === "rule") return `there ${anotherSecret}`;
      return object.kind === "certificate key" ? "another (secret, so not shown)" : plain[found.is];
    default:
      return plain[found.is];
  }
}

/** What is said of a value that looks the same, its secret masked, and is another. */
const anotherSecret = "(with another secret)";

function setting({ value, default: standard, anotherSecret: other, waits, unread, source }: SettingFound): string {
  const origin = source === "configuration file" ? "an earlier version of its files" : source;
  return [
    value ?? (standard === undefined ? "unset" : `unset (${standard})`),
    ...(other === true ? [anotherSecret] : []),
    ...(waits === undefined ? [] : [`(waits for a ${waits.for}: the server runs with ${waits.inForce ?? "unset"})`]),
    ...(unread === true
      ? ["and not read (postgresql.conf includes its files by name): declare it in the stack file, or remove it there"]
      : []),
    ...(origin === undefined ? [] : [`(from ${origin})`]),
  ].join(" ");
}

/** What to do about what is there. */
function adviceOn(object: Thing): string {
  if (object.kind === "version") return " (pulumi up upgrades data to a newer one: the preview says how)";
  return object.kind === "slot" ? slotRemedy(object.slot) : "";
}

function why(refusal: DataRefusal): string {
  if (refusal.code === "not known") return refusal.message;
  const { server, dataDirectory, host } = refusal;
  if (refusal.code === "source stopped") {
    return `${server} (${dataDirectory} on ${host}) is to be copied from, and is stopped. Start ${server} and run again`;
  }
  return heldElsewhere(refusal);
}

/** Why no new cluster is made while another server holds data, and what to do. */
export function heldElsewhere(refusal: Omit<Extract<DataRefusal, { code: "data elsewhere" }>, "code">): string {
  const { server, dataDirectory, host, ours, systemIdentifier, lost } = refusal;
  return `${server} holds ${ours ? "the site's data" : "data"} (${dataDirectory} on ${host}, system identifier ${systemIdentifier}): a new cluster would abandon it. Promote ${server} and run again (${lost} is then copied from it), or move its data away if the site is to begin anew`;
}
