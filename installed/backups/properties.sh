# shellcheck shell=sh
# What pg_dump before 11 leaves out of a database: settings, those of roles in it too, grants on it, connection limit, whether it is a template; and its
# comment, which it keeps under the old name alone. Read after common.sh by backup, which writes it into the run; after restore.sh by restore, which
# brings it back; and by drill, which compares.
# shellcheck disable=SC2034,SC2154

# says_all VERSION: whether pg_dump of that version keeps it all itself.
says_all() { [ "$1" -ge 1100 ]; }

# properties_of DATABASE: SQL that brings it back into the database whose session it is (psql's :"DBNAME"), whatever that is called by then. It goes
# from 9.0 on, and its last line says that it is whole. (Name as it is.)
properties_of() { sql "$1" "$(properties_query)"; }

# A list of names is stored as names; each is written as a literal, as pg_dump does from 11 on: "" is no name that SQL takes. Names without quotes
# are those that postgresql.conf had, which means them in small letters.
properties_query() {
  cat <<'END'
set search_path = pg_catalog;
with own as (select oid, datname, datdba, datacl, datconnlimit, datistemplate from pg_database where datname = current_database()),
grants as (
  select number, datdba, (aclexplode(datacl[number:number])).grantor, (aclexplode(datacl[number:number])).grantee,
    (aclexplode(datacl[number:number])).privilege_type, (aclexplode(datacl[number:number])).is_grantable
  from (select datdba, datacl, generate_subscripts(datacl, 1) as number from own) items
),
settings as (
  select role, number, substr(setting, 1, strpos(setting, '=') - 1) as name, substr(setting, strpos(setting, '=') + 1) as value
  from (
    select case when setrole <> 0 then pg_get_userbyid(setrole)::text end as role, number, setconfig[number] as setting
    from (select setrole, setconfig, generate_subscripts(setconfig, 1) as number from pg_db_role_setting where setdatabase = (select oid from own)) rows
  ) texts
)
select line from (
  select 1 as part, '' as who, 0 as number, 'SET client_encoding = ' || quote_literal(current_setting('client_encoding')) || ';' as line
  union all select 2, '', 0, 'SET default_transaction_read_only = off;'
  union all select 3, '', 0, 'COMMENT ON DATABASE :"DBNAME" IS ' || quote_literal(shobj_description(oid, 'pg_database')) || ';' from own
    where shobj_description(oid, 'pg_database') is not null
  union all select 4, '', 0, 'ALTER DATABASE :"DBNAME" CONNECTION LIMIT = ' || datconnlimit || ';' from own where datconnlimit <> -1
  union all select 5, '', 0, 'UPDATE pg_catalog.pg_database SET datistemplate = true WHERE datname = :''DBNAME'';' from own where datistemplate
  union all select 6, '', 0, 'REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;' from own where datacl is not null
  union all select 7, '', 0, 'REVOKE ALL ON DATABASE :"DBNAME" FROM ' || quote_ident(pg_get_userbyid(datdba)) || ';' from own where datacl is not null
  union all select distinct case when grantor = datdba then 8 else 9 end, '', number * 2 + is_grantable::integer,
      case when grantor = datdba then '' else 'SET SESSION AUTHORIZATION ' || quote_ident(pg_get_userbyid(grantor)) || E';\n' end ||
      'GRANT ' || array_to_string(array(select p.privilege_type from grants p where p.number = g.number and p.is_grantable = g.is_grantable), ', ') ||
      ' ON DATABASE :"DBNAME" TO ' || case when grantee = 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(grantee)) end ||
      case when is_grantable then ' WITH GRANT OPTION' else '' end || ';' ||
      case when grantor = datdba then '' else E'\nRESET SESSION AUTHORIZATION;' end
    from grants g
  union all select 10, coalesce(role, ''), number,
      coalesce('ALTER ROLE ' || quote_ident(role) || ' IN DATABASE :"DBNAME"', 'ALTER DATABASE :"DBNAME"') || ' SET ' || quote_ident(name) || ' TO ' ||
      case when name not in ('search_path', 'temp_tablespaces', 'local_preload_libraries', 'session_preload_libraries') then quote_literal(value)
        else coalesce(nullif(array_to_string(array(
          select quote_literal(case when found[1] like '"%' then replace(substr(found[1], 2, length(found[1]) - 2), '""', '"')
            when name like '%libraries' then found[1] else lower(found[1]) end)
          from regexp_matches(value, '("(?:[^"]|"")*"|[^",[:space:]]+)', 'g') as names (found)), ', '), ''), '''''') end || ';'
    from settings
  union all select 11, '', 0, '-- whole'
) lines order by part, who, number
END
}

# set_properties DATABASE TARGET: brings it back from the run. It comes last, so that no setting comes between. Each statement by itself: a role that is
# missing does not keep the settings away. (TARGET as it is.)
set_properties() {
  properties_file=$(files_of properties "$1")
  [ -n "$properties_file" ] || return 0
  event step "$2" properties
  background "$psql" -X -q -w -v VERBOSITY=terse -d "$(database "$2")" -f - <"$run_folder/$properties_file" >/dev/null 2>"$scratch/said"
  properties_status=$?
  # A warning is no failure. Its messages are in one language: LC_ALL, lc_messages.
  sed '/: \(WARNING\|NOTICE\): /d' "$scratch/said" >"$scratch/said.properties"
  if [ -s "$scratch/said.properties" ] || [ "$properties_status" -ne 0 ]; then faults "$2" "$properties_file" "$scratch/said.properties"; fi
}

# without_comment <LIST: a list of pg_dump before 11 without the comment on the database itself (1262 is pg_database), which pg_restore would set on the
# database of the old name, whichever it restores into.
without_comment() { awk '!/^[0-9]+; 1262 [0-9]+ COMMENT /'; }

# listed_without_comment DATABASE FILE: sets $list, of such a dump; of a newer one it is empty, and nothing is to be left out.
listed_without_comment() {
  list=''
  [ -n "$(files_of properties "$1")" ] || return 0
  # A dump that cannot be listed cannot be loaded either, and says so then.
  "$pg_restore" -l "$run_folder/$2" >"$scratch/list.all" 2>"$why" || return 0
  list=$scratch/list.others
  without_comment <"$scratch/list.all" >"$list"
}
