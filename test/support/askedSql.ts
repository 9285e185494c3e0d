import type { Major } from "../../postgres/versions.js";
import { renderProbe } from "../../postgres/watch/probe.js";
import { countersSql, openDatabasesSql } from "../../servers/sql/counters.js";
import { namesOf } from "../../servers/sql/versions.js";
import { clusterSql, databaseSql, sequencesSql } from "../../servers/upgrade/compareSql.js";
import * as questions from "../../servers/upgrade/questions.js";

/** What pgsite asks a server of a version by SQL, as far as it stands in tables. */
export function askedOf(major: Major): readonly string[] {
  const names = namesOf(major);
  const asked = [
    ...Object.values(questions).map((one) => (typeof one === "string" ? one : one(major))),
    ...[clusterSql(major), databaseSql(major), sequencesSql(major), countersSql, openDatabasesSql],
    ...renderProbe(major).split(/;\n/),
    `select ${names.currentLsn}, ${names.walFileName}(${names.currentLsn}), ${names.receiveLsn}, ${names.replayLsn}`,
    `select ${names.switchWal}`,
    ...(names.replayTimestamp === null ? [] : [`select ${names.replayTimestamp}`]),
    ...(names.createRestorePoint === null ? [] : [`select ${names.createRestorePoint}('here')`]),
    ...(names.replication === null ? [] : [`select ${Object.values(names.replication)} from pg_stat_replication`]),
  ];
  return asked.flatMap((sql) => (sql === undefined || sql.trim() === "" ? [] : [sql]));
}

/** Everything that a server's catalogue has a name for, one a row: functions, relations, columns, types, keywords. */
export const catalogueNamesSql = `select proname::text as name from pg_catalog.pg_proc
union select nspname::text from pg_catalog.pg_namespace where nspname !~ '^pg_t'
union select relname::text from pg_catalog.pg_class where relname !~ '^pg_toast_'
union select attname::text from pg_catalog.pg_attribute
union select typname::text from pg_catalog.pg_type
union select word from pg_catalog.pg_get_keywords()
order by 1`;
