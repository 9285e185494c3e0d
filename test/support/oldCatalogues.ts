import { atLeast, type Major } from "../../postgres/versions.js";

/**
 * What the watch asks of catalogues that no server here has any more, 9.0 to 9.5, as their documentation has it: in a schema
 * `old`, of which a statement that names what was not there yet, or by another name, fails.
 */
export function catalogueOf(version: Major): string {
  const since = (first: Major, text: string) => (atLeast(version, first) ? text : "");
  const position = atLeast(version, "9.4") ? "pg_lsn" : "text";
  const at = (text: string) => `'${text}'::${position}`;
  const functions = {
    pg_current_xlog_location: position,
    pg_last_xlog_receive_location: position,
    pg_last_xlog_replay_location: position,
  };
  const pid = atLeast(version, "9.2") ? "pid" : "procpid";
  // A name of today that was not there then answers with a type that nothing takes.
  const laterViews = [
    ...(atLeast(version, "9.1") ? [] : ["pg_stat_replication"]),
    ...(atLeast(version, "9.4") ? [] : ["pg_stat_archiver", "pg_replication_slots"]),
    "pg_stat_wal_receiver",
  ];
  return `drop schema if exists old cascade;
create schema old;
${Object.entries(functions)
  .map(
    ([name, type]) => `create function old.${name}() returns ${type} language sql as $$ select ${at("1/1000000")} $$;`,
  )
  .join("\n")}
${since("9.1", "create function old.pg_is_xlog_replay_paused() returns boolean language sql as $$ select false $$;")}
create view old.pg_stat_activity as
  select datid, datname, pid as ${pid}, usesysid, usename, application_name, client_addr, client_port, backend_start, xact_start,
    query_start, false as waiting, ${atLeast(version, "9.2") ? "state, query" : "query as current_query"}
  from pg_catalog.pg_stat_activity;
${since(
  "9.1",
  `create view old.pg_stat_replication as
  select 1 as ${pid}, 10::oid as usesysid, 'postgres'::name as usename, 'two'::text as application_name, null::inet as client_addr,
    'streaming'::text as state, ${at("1/0")} as sent_location, ${at("1/0")} as write_location, ${at("1/0")} as flush_location,
    ${at("1/0")} as replay_location, 0 as sync_priority, 'async'::text as sync_state;`,
)}
${since(
  "9.4",
  `create view old.pg_replication_slots as
  select 's'::name as slot_name, null::name as plugin, 'physical'::text as slot_type, null::oid as datoid, null::name as database,
    false as active, null::xid as xmin, null::xid as catalog_xmin, ${at("0/1000000")} as restart_lsn;`,
)}
create view old.pg_stat_database as
  select datid, datname, numbackends, xact_commit, xact_rollback, blks_read, blks_hit${since("9.2", ", deadlocks, temp_bytes")}
  from pg_catalog.pg_stat_database;
create view old.pg_database as
  select oid, datname, datdba, encoding, datistemplate, datallowconn, datconnlimit, datfrozenxid${since("9.3", ", datminmxid")}
  from pg_catalog.pg_database;
${laterViews.map((name) => `create view old.${name} as select 1 as not_there_yet;`).join("\n")}
`;
}
