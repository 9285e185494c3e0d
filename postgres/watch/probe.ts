/**
 * What the watch asks its own server, by version: a statement a section, so that what one of them may not see, or is too slow for,
 * costs only itself. Each row is a fact: NAME, OBJECT, VALUE. A statement's first row says that its section was looked at.
 */
import { atLeast, type Major } from "../versions.js";

/** Names and forms that differ from version to version. */
interface Words {
  readonly current: string;
  readonly received: string;
  readonly replayed: string;
  readonly paused?: string;
  readonly replayTime?: string;
}

function wordsOf(version: Major): Words {
  const later = atLeast(version, "9.1");
  return atLeast(version, "10")
    ? {
        current: "pg_current_wal_lsn()",
        received: "pg_last_wal_receive_lsn()",
        replayed: "pg_last_wal_replay_lsn()",
        paused: "pg_is_wal_replay_paused()",
        replayTime: "pg_last_xact_replay_timestamp()",
      }
    : {
        current: "pg_current_xlog_location()",
        received: "pg_last_xlog_receive_location()",
        replayed: "pg_last_xlog_replay_location()",
        ...(later ? { paused: "pg_is_xlog_replay_paused()", replayTime: "pg_last_xact_replay_timestamp()" } : {}),
      };
}

/** A position as a number of bytes. Until 9.3 it is a text; until 9.2 each 4 GB lack their last segment. */
function bytesOf(version: Major, position: string): string {
  if (atLeast(version, "9.4")) return `(${position} - '0/0'::pg_lsn)`;
  const part = (index: number) => `('x' || lpad(split_part(${position}, '/', ${index}), 8, '0'))::bit(32)::bigint`;
  return `(${part(1)} * ${atLeast(version, "9.3") ? "4294967296" : "4278190080"} + ${part(2)})`;
}

interface Fact {
  readonly name: string;
  /** SQL; @default the empty text */
  readonly object?: string;
  /** SQL */
  readonly value: string;
  readonly from?: string;
}

const inRecovery = "where pg_is_in_recovery()";
const outsideRecovery = "where not pg_is_in_recovery()";

/** In a line of its own whatever somebody called it. */
const oneLine = (text: string) => `translate(${text}, E'\\t\\n\\r', '   ')`;
const wholeSeconds = (interval: string) => `floor(extract(epoch from ${interval}))::bigint`;
const bit = (condition: string) => `case when ${condition} then 1 else 0 end`;

function statement(section: string, facts: readonly Fact[]): string {
  const rows = [{ name: "looked", object: `'${section}'`, value: "1" }, ...facts].map(
    ({ name, object = "''", value, from = "" }) =>
      `select '${name}'::text, (${object})::text, (${value})::text${from === "" ? "" : ` ${from}`}`,
  );
  return `${rows.map((row, index) => (index === 0 ? row : `union all (${row})`)).join("\n")};\n`;
}

/** Whether a server shows its walsenders in a view; before, the titles of its processes alone tell. */
export function showsSenders(version: Major): boolean {
  return atLeast(version, "9.1");
}

function replication(version: Major): readonly Fact[] {
  const { current, received } = wordsOf(version);
  const replay = bytesOf(version, atLeast(version, "10") ? "replay_lsn" : "replay_location");
  const reached = bytesOf(version, `case when pg_is_in_recovery() then ${received} else ${current} end`);
  // A standby may be there twice for a moment, while its old walsender has not noticed yet.
  const grouped = "from pg_stat_replication group by application_name";
  const object = oneLine("application_name");
  return [
    {
      name: "sender",
      object,
      value: "case when bool_or(state = 'streaming') then 'streaming' else max(state) end",
      from: grouped,
    },
    { name: "replay", object, value: `max(${replay})`, from: grouped },
    { name: "behind", object, value: `greatest(${reached} - max(${replay}), 0)`, from: grouped },
  ];
}

/** How a standby that answers queries follows; its own object is empty, and becomes its name in judge.awk. */
function stream(version: Major): readonly Fact[] {
  const { received, replayed, paused, replayTime } = wordsOf(version);
  const [from, to] = [bytesOf(version, replayed), bytesOf(version, `coalesce(${received}, ${replayed})`)];
  const receiver = "from pg_stat_wal_receiver where status = 'streaming' having pg_is_in_recovery()";
  return [
    ...(atLeast(version, "9.6") ? [{ name: "receives", value: "least(count(*), 1)", from: receiver }] : []),
    { name: "replay", value: from, from: inRecovery },
    { name: "behind", value: `greatest(${to} - ${from}, 0)`, from: inRecovery },
    ...(paused === undefined ? [] : [{ name: "paused", value: bit(paused), from: inRecovery }]),
    ...(replayTime === undefined
      ? []
      : [{ name: "replay.seconds", value: wholeSeconds(`clock_timestamp() - ${replayTime}`), from: inRecovery }]),
  ];
}

function slots(version: Major): readonly Fact[] {
  if (!atLeast(version, "9.4")) return [];
  const { current, replayed } = wordsOf(version);
  const reached = bytesOf(version, `case when pg_is_in_recovery() then ${replayed} else ${current} end`);
  const from = `from pg_replication_slots${atLeast(version, "10") ? " where not temporary" : ""}`;
  const object = oneLine("slot_name::text");
  const kept = `coalesce(greatest(${reached} - ${bytesOf(version, "restart_lsn")}, 0), 0)`;
  return [
    { name: "slot.active", object, value: bit("active"), from },
    { name: "slot.kept", object, value: kept, from },
    ...(atLeast(version, "13") ? [{ name: "slot.lost", object, value: bit("wal_status = 'lost'"), from }] : []),
  ];
}

function sessions(version: Major): readonly Fact[] {
  const [pid, query, idle] = atLeast(version, "9.2")
    ? ["pid", "query", "state"]
    : [
        "procpid",
        "current_query",
        "case current_query when '<IDLE> in transaction' then 'idle in transaction' else 'active' end",
      ];
  const clients = atLeast(version, "10") ? "backend_type = 'client backend'" : `${query} not like 'autovacuum: %'`;
  const oldest = `from pg_stat_activity where xact_start is not null and ${clients} and ${pid} <> pg_backend_pid() order by xact_start limit 1`;
  const who = `'process ' || ${pid} || ', user ' || coalesce(usename::text, '') || ', database ' || coalesce(datname::text, '') || ', application ' || coalesce(application_name, '') || ', ' || coalesce(${idle}, '')`;
  const since = (column: string) => `greatest(${wholeSeconds(`clock_timestamp() - ${column}`)}, 0)`;
  return [
    { name: "connections", value: "count(*)", from: `from pg_stat_activity where ${clients}` },
    { name: "connections.max", value: "current_setting('max_connections')" },
    { name: "transaction.seconds", value: since("xact_start"), from: oldest },
    { name: "detail.oldTransaction", value: oneLine(who), from: oldest },
    { name: "prepared.seconds", value: since("prepared"), from: "from pg_prepared_xacts order by prepared limit 1" },
    { name: "detail.oldPrepared", value: oneLine("gid"), from: "from pg_prepared_xacts order by prepared limit 1" },
    { name: "commits", value: "sum(xact_commit)", from: "from pg_stat_database" },
    { name: "rollbacks", value: "sum(xact_rollback)", from: "from pg_stat_database" },
    ...(atLeast(version, "9.2") ? [{ name: "deadlocks", value: "sum(deadlocks)", from: "from pg_stat_database" }] : []),
  ];
}

/** A standby's are its primary's. */
function age(version: Major): readonly Fact[] {
  const object = oneLine("datname::text");
  const oldest = (what: string) => `from pg_database ${outsideRecovery} order by ${what} desc limit 20`;
  const multi = "mxid_age(datminmxid)";
  return [
    { name: "age.transactions", object, value: "age(datfrozenxid)", from: oldest("age(datfrozenxid)") },
    ...(atLeast(version, "9.5") ? [{ name: "age.multixacts", object, value: multi, from: oldest(multi) }] : []),
  ];
}

function archiver(version: Major): readonly Fact[] {
  const archives: Fact = {
    name: "archives",
    value: bit(
      `current_setting('archive_mode') = 'always' or (current_setting('archive_mode') = 'on' and not pg_is_in_recovery())`,
    ),
  };
  if (!atLeast(version, "9.4")) return [archives];
  const failing =
    "current_setting('archive_mode') <> 'off' and last_failed_time > coalesce(last_archived_time, '-infinity')";
  const from = "from pg_stat_archiver";
  return [
    archives,
    { name: "archiver.failing", value: bit(failing), from },
    { name: "detail.archiverFails", value: "coalesce(last_failed_wal, '')", from },
    { name: "archiver.failed", value: "failed_count", from },
  ];
}

/** @returns SQL for psql's standard input */
export function renderProbe(version: Major): string {
  return [
    statement("server", [
      { name: "answers", value: "1" },
      { name: "recovery", value: bit("pg_is_in_recovery()") },
      { name: "started", value: wholeSeconds("pg_postmaster_start_time()") },
      { name: "version", value: "current_setting('server_version_num')" },
    ]),
    ...(showsSenders(version) ? [statement("replication", replication(version))] : []),
    statement("stream", stream(version)),
    statement("slots", slots(version)),
    statement("sessions", sessions(version)),
    statement("age", age(version)),
    statement("archiver", archiver(version)),
  ].join("\n");
}

/** What the watch's session is told when it connects: nothing may hold it up, and no name of somebody else's is taken for PostgreSQL's. */
export function probeOptions(version: Major): string {
  return [
    "-c search_path=pg_catalog",
    "-c statement_timeout=20000",
    "-c default_transaction_read_only=on",
    ...(atLeast(version, "9.3") ? ["-c lock_timeout=5000"] : []),
  ].join(" ");
}
