# shellcheck shell=sh
# What a run asks its server, and how it holds still for it: read after common.sh by `backup`.
# shellcheck disable=SC2015,SC2017,SC2034,SC2154

# from VERSION THEN ELSE: words that depend on the server's version.
from() { if [ "$server_number" -ge "$1" ]; then printf '%s' "$2"; else printf '%s' "$3"; fi; }

# ask_server: server_number, recovering (t or f), started, system, maintenance. Status 1: it does not answer.
ask_server() {
  maintenance=postgres
  query="select current_setting('server_version_num'), pg_is_in_recovery(), extract(epoch from pg_postmaster_start_time())"
  answer=$(sql postgres "$query") || {
    maintenance=template1
    answer=$(sql template1 "$query") || return 1
  }
  IFS=$tab read -r version_number recovering started <<END
$answer
END
  # 90603 → 906, 150017 → 1500.
  if [ "$version_number" -ge 100000 ]; then server_number=$((version_number / 10000 * 100))
  else server_number=$((version_number / 100)); fi
  # The first eight bytes of the control file in every version.
  system=$(od -A n -t u8 -N 8 "$data/global/pg_control" 2>/dev/null | tr -d ' ')
}

# is_standby: whether the data directory is a standby's, for one that answers nobody, be it warm or down.
is_standby() {
  [ ! -e "$data/standby.signal" ] && [ ! -e "$data/recovery.conf" ] || return 0
  case $(od -A n -t d4 -j 16 -N 4 "$data/global/pg_control" 2>/dev/null | tr -d ' ') in
    2 | 5) return 0 ;; # shut down in recovery, in archive recovery
  esac
  return 1
}

# position: where its WAL is.
position() {
  if [ "$recovering" = t ]; then sql "$maintenance" "select $(from 1000 pg_last_wal_replay_lsn pg_last_xlog_replay_location)()"
  else sql "$maintenance" "select $(from 1000 pg_current_wal_lsn pg_current_xlog_location)()"; fi
}

# --- replay of a standby stands still for as long as dumps are made ---

paused_by_us=$jobs/backup.paused

# pause_replay: status 1 if it cannot, and $why says why. Who had paused it already has it so afterwards, too.
pause_replay() {
  if [ "$server_number" -lt 901 ]; then
    remark 'Replay cannot be paused before 9.1: if it needs what a dump still reads, the dump is cancelled.'
    return 0
  fi
  kind=$(from 1000 wal xlog)
  is_paused=$(sql "$maintenance" "select pg_is_${kind}_replay_paused()") || return 1
  if [ "$is_paused" = t ] && [ ! -e "$paused_by_us" ]; then
    remark 'Replay had been paused before, and still is.'
    return 0
  fi
  : >"$paused_by_us" || return 1
  at_end resume_replay
  sql "$maintenance" "select pg_${kind}_replay_pause()" >/dev/null || return 1
  # The function returns before replay stands still.
  query="select $(from 1400 "pg_get_wal_replay_pause_state() = 'paused'" "pg_is_${kind}_replay_paused()")"
  tries=0
  until [ "$(sql "$maintenance" "$query")" = t ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || {
      echo 'replay did not stand still within a minute' >"$why"
      return 1
    }
    sleep 0.2 2>/dev/null || sleep 1
  done
}

resume_replay() {
  [ -e "$paused_by_us" ] || return 0
  kind=$(from 1000 wal xlog)
  # One that was promoted meanwhile has nothing to resume.
  if sql "$maintenance" "select case when pg_is_in_recovery() then pg_${kind}_replay_resume()::text end" >/dev/null; then
    rm -f -- "$paused_by_us"
  else
    remark "Replay could not be resumed ($(words "$why")): do it by hand, select pg_${kind}_replay_resume()."
  fi
}

# conflicts: how many queries replay has cancelled since the statistics began.
conflicts() {
  [ "$server_number" -ge 901 ] && [ "$recovering" = t ] || { echo 0; return; }
  sql "$maintenance" 'select sum(confl_tablespace + confl_lock + confl_snapshot + confl_bufferpin + confl_deadlock) from pg_stat_database_conflicts' || echo 0
}

# --- sessions that stay open: psql, fed until the program ends ---

# Every feeder reads this fifo; it ends with the last process that can write it, which is this program, however it ends.
open_life() {
  mkfifo -- "$scratch/life" || return 1
  exec 7<>"$scratch/life"
}

# open_session ID DATABASE <SCRIPT: the script ends with \echo ready. Its files are relative to $scratch.
open_session() {
  cat >"$scratch/script.$1"
  mkfifo -- "$scratch/in.$1" "$scratch/out.$1" || return 1
  (
    cd -- "$scratch" || exit 1
    PGDATABASE=$2
    export PGDATABASE
    exec "$psql" -X -q -A -t -w -v ON_ERROR_STOP=1 <"in.$1" >"out.$1" 2>"err.$1"
  ) 7>&- 9>&- &
  session=$!
  { cat -- "$scratch/script.$1" && exec cat -- "$scratch/life"; } >"$scratch/in.$1" 2>/dev/null 7>&- 9>&- &
  echo "$session $!" >"$scratch/pid.session.$1"
}

# await_session ID SECONDS: until it is ready. Status 1: it ended, or was not in time; $scratch/err.ID has its words.
await_session() {
  [ "$(timeout "$2" head -n 1 -- "$scratch/out.$1" 2>/dev/null)" = ready ]
}

# session_lives ID: whether the server still has it: psql itself, which waits for its next line, would not notice.
session_lives() {
  backend=$(cat -- "$scratch/backend.$1" 2>/dev/null)
  [ -n "$backend" ] && [ "$(sql "$maintenance" "select count(*) from pg_stat_activity where $(from 902 pid procpid) = $backend and application_name = 'pgsite $program'")" = 1 ]
}

close_session() {
  [ -f "$scratch/pid.session.$1" ] || return 0
  read -r session feeder <"$scratch/pid.session.$1"
  kill "$feeder" "$session" 2>/dev/null
  rm -f -- "$scratch/pid.session.$1"
}

# listing ID LOCK: the script of a database's session: its snapshot, its relations and, with LOCK=lock, its tables' locks, so that
# none is emptied or dropped while one dump after the other is made (as pg_dump itself does for one).
listing() {
  echo "set statement_timeout = '${lock_wait}s';"
  [ "$server_number" -lt 903 ] || echo 'set lock_timeout = 0;'
  [ "$server_number" -lt 906 ] || echo 'set idle_in_transaction_session_timeout = 0;'
  [ "$server_number" -lt 1700 ] || echo 'set transaction_timeout = 0;'
  echo 'begin transaction isolation level repeatable read read only;'
  printf '\\o backend.%s\nselect pg_backend_pid();\n' "$1"
  if [ "$one_moment" = yes ]; then
    printf '\\o snapshot.%s\nselect pg_export_snapshot();\n' "$1"
  fi
  printf '\\o relations.%s\n' "$1"
  # What somebody holds is not waited for here: its size is the one of the last VACUUM or ANALYZE.
  cat <<END
copy (
  select 'relation', c.oid, current_database(), n.nspname, c.relname, c.relkind,
    $(from 901 c.relpersistence "case when c.relistemp then 't' else 'p' end"), pg_get_userbyid(c.relowner),
    case when c.relkind not in ('r', 'm') then 0
      when c.oid = any (array(select relation from pg_locks where mode = 'AccessExclusiveLock' and relation is not null))
      then c.relpages::bigint * current_setting('block_size')::bigint
      else coalesce(pg_table_size(c.oid), 0) end,
    (select coalesce(sum(i.relpages::bigint), 0) * current_setting('block_size')::bigint
      from pg_index x join pg_class i on i.oid = x.indexrelid where x.indrelid = c.oid),
    coalesce((select d.refobjid from pg_depend d where c.relkind = 'S' and d.classid = 'pg_class'::regclass and d.objid = c.oid
      and d.objsubid = 0 and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0 and d.deptype in ('a', 'i') limit 1), 0),
    $(from 901 "coalesce((select case when c.oid = any (e.extconfig) then 'config' else 'member' end
      from pg_depend d join pg_extension e on e.oid = d.refobjid
      where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_extension'::regclass and d.deptype = 'e' limit 1), '')" "''")
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'S', 'm', 'p', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    and $(from 901 "c.relpersistence <> 't'" 'not c.relistemp')
  order by n.nspname, c.relname
) to stdout;
END
  printf '\\o\n'
  # A foreign table's server would be asked for nothing by a lock, and pg_dump takes none either.
  [ "$2" != lock ] || cat <<'END'
do $locks$ declare one record; begin
  for one in select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  loop
    execute 'lock table only ' || quote_ident(one.nspname) || '.' || quote_ident(one.relname) || ' in access share mode';
  end loop;
end $locks$;
END
  printf '\\echo ready\n'
}

# --- who holds what a dump waits for ---

# watch_locks: a session that writes into $scratch/holders, every other second, who keeps a session of this program waiting.
watch_locks() {
  pid=$(from 902 pid procpid)
  cat >"$scratch/holders.sql" <<END
copy (
  select h.pid, h.granted, coalesce(a.usename, ''), coalesce(a.application_name, ''), coalesce(host(a.client_addr), ''),
    coalesce(extract(epoch from clock_timestamp() - a.xact_start)::bigint, -1), d.datname, w.relation
  from pg_locks w
    join pg_stat_activity own on own.$pid = w.pid and own.application_name = 'pgsite $program'
    join pg_locks h on h.locktype = 'relation' and h.database = w.database and h.relation = w.relation and h.pid <> w.pid
      and h.mode = 'AccessExclusiveLock'
    join pg_database d on d.oid = w.database
    left join pg_stat_activity a on a.$pid = h.pid
  where w.locktype = 'relation' and not w.granted
  order by h.granted desc
) to stdout;
END
  : >"$scratch/holders"
  mkfifo -- "$scratch/in.locks" || return 1
  (
    PGDATABASE=$maintenance
    export PGDATABASE
    exec "$psql" -X -q -A -t -w <"$scratch/in.locks" >"$scratch/holders" 2>/dev/null
  ) 7>&- 9>&- &
  session=$!
  (
    echo "set statement_timeout = '10s';"
    # Its end is the end of this program.
    while [ -p "$scratch/life" ] && ! timeout 2 cat -- "$scratch/life"; do cat -- "$scratch/holders.sql"; done
  ) >"$scratch/in.locks" 2>/dev/null 7>&- 9>&- &
  echo "$session $!" >"$scratch/pid.session.locks"
}

# holder: the sentence on who held a lock that was waited for, the last one seen. Status 1: nobody.
holder() {
  [ -s "$scratch/holders" ] || return 1
  # Of the last look: what is granted stands first, and the last group of lines is of one table.
  line=$(awk -F "$tab" '{ key = $7 FS $8; if (key != last || $2 == "t") line = $0; last = key } END { print line }' "$scratch/holders")
  IFS=$tab read -r pid granted user_name application address seconds in_database relation <<END
$(printf '%s\n' "$line" | awk -F "$tab" -v OFS="$tab" '{ for (i = 1; i <= NF; i++) if ($i == "") $i = "-"; print }')
END
  named_table=$(cat "$scratch"/relations.* 2>/dev/null | awk -F "$tab" -v oid="$relation" -v of="$in_database" '$2 == oid && $3 == of { print $4 "." $5; exit }')
  if [ "$user_name" = - ] && [ "$recovering" = t ]; then by="replay (process $pid)"
  else by="process $pid of user $user_name, application \"$application\", from $([ "$address" = - ] && echo 'this host' || echo "$address")"; fi
  [ "$granted" = t ] && does='has locked' || does='waits to lock'
  [ "$seconds" -ge 0 ] && since=", in a transaction since $(span "$seconds")" || since=''
  printf '%s %s %s of database %s%s' "$by" "$does" "${named_table:-the table with oid $relation}" "$in_database" "$since"
}
