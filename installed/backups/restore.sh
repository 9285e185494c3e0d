# shellcheck shell=sh
# Brings runs back into a server: roles, and whole databases. Read after runs.sh by restore and drill. Names of databases are as the manifest
# writes them (escaped), except where it is said.
# shellcheck disable=SC2016,SC2034,SC2154
failures=0
parallel=1
# Versions as `number` of the settings writes them: of the programs, which may be newer than the server; and of the server that all is directed at.
tool_number=$number
server_number=$number

# find_clients: the programs of PostgreSQL that all of it needs, in $pg_restore, $pg_dump, $pg_dumpall.
find_clients() {
  for client in pg_restore pg_dump pg_dumpall; do
    found=$(client "$client") || die 69 "there is no $client of PostgreSQL $version in $bin or PATH"
    eval "$client=\$found"
  done
  tool_number=$(number_of "$pg_restore")
  # Where pg_restore's text goes: until 11 that is its standard output anyway, and -f - were a file.
  to_stdout=''
  [ "$tool_number" -lt 1200 ] || to_stdout='-f -'
}

# fault DATABASE FILE TEXT: something that is not as it was; what comes after is done all the same.
fault() {
  failures=$((failures + 1))
  complain "$@"
}
complain() {
  event error "$1" "$2" "$3"
  say "  $1 $2: $3"
}

# faults DATABASE FILE SAID: what a program said that ended badly, each line; a fault is each of its errors, and one if it names none. (Its
# messages are in one language: LC_ALL, lc_messages.)
faults() {
  faults_of_it=0
  while IFS= read -r words; do
    case $words in
      '') continue ;;
      'pg_restore: error: '* | 'pg_restore: ['*'] '* | *' ERROR:  '* | *' FATAL:  '*) faults_of_it=$((faults_of_it + 1)) ;;
    esac
    complain "$1" "$2" "$words"
  done <"$3"
  [ -s "$3" ] || complain "$1" "$2" 'it ended badly, and said nothing'
  [ "$faults_of_it" -gt 0 ] || faults_of_it=1
  failures=$((failures + faults_of_it))
}

# maintenance DATABASE: the one from which this one can be made, renamed and dropped. (Names as they are.)
maintenance() { if [ "$1" = postgres ]; then echo template1; else echo postgres; fi; }

# directed_at NUMBER: the server that all is directed at is of that version. Settings of the databases and roles that are brought back must not come
# between.
directed_at() {
  server_number=$1
  quiet_options="$PGOPTIONS -c default_transaction_read_only=off -c statement_timeout=0 -c synchronous_commit=off -c client_min_messages=warning"
  [ "$server_number" -lt 906 ] || quiet_options="$quiet_options -c idle_in_transaction_session_timeout=0"
  [ "$server_number" -lt 903 ] || quiet_options="$quiet_options -c lock_timeout=0"
}

# background COMMAND…: waited for, so that a signal ends both. What it starts is ended with this program.
# (A shell gives what it runs beside it no standard input but what is named.)
background() {
  PGOPTIONS=$quiet_options "$@" <&4 4<&- 9>&- &
  running=$!
  : >"$scratch/running/$running"
  wait "$running"
  background_status=$?
  rm -f -- "$scratch/running/$running"
  return "$background_status"
} 4<&0
end_running() {
  for one in "$scratch"/running/*; do
    one=${one##*/}
    case $one in *[!0-9]*) ;; *) kill "$one" 2>/dev/null ;; esac
  done
}
prepare() {
  mkdir -p -- "$scratch/running" "$scratch/done" || exit 73
  at_end end_running
}

# psql_script DATABASE <SQL: all of it in one session; stops at the first mistake. (Name as it is.)
psql_script() { background "$psql" -X -q -w -v ON_ERROR_STOP=1 -d "$(database "$1")" -f -; }

# --- what a server has ---

# there: names of roles (`r NAME`) and tablespaces (`t NAME`) of the server, for globals.awk.
there() {
  sql "$(maintenance '')" "select 'r ' || rolname from pg_catalog.pg_roles union all select 't ' || spcname from pg_catalog.pg_tablespace" >"$scratch/there" ||
    die 69 "the server does not say what roles it has: $(cat "$why")"
}

# globals: the path of the run's globals, with passwords where there are any and they are wanted.
globals() {
  file=$(files_of globals '' | head -n 1)
  if [ -z "$file" ] || [ -n "${without_passwords:-}" ]; then
    other=$(files_of globals-without-passwords '' | head -n 1)
    file=${other:-$file}
  fi
  [ -n "$file" ] && echo "$file"
}

# of_globals MODE [VARIABLE=VALUE…]: of the run's globals what globals.awk says.
of_globals() {
  globals_mode=$1
  shift
  for assignment; do
    set -- "$@" -v "$assignment"
    shift
  done
  awk -v first=lists -v mode="$globals_mode" "$@" -f "$here/literals.awk" -f "$here/globals.awk" "$scratch/there" "$run_folder/$(globals)"
}

# restore_globals MODE [VARIABLE=VALUE…]: no statement, and so no password, gets into the server's log.
restore_globals() {
  {
    echo "set log_statement = 'none'; set log_min_error_statement = 'panic'; set log_min_duration_statement = -1;"
    of_globals "$@"
  } >"$scratch/globals.sql"
  # Each statement by itself: one role that cannot be made does not keep the others away.
  background "$psql" -X -q -w -v VERBOSITY=terse -d "$(database "$(maintenance '')")" -f "$scratch/globals.sql" 2>"$scratch/said" >/dev/null
  globals_status=$?
  rm -f -- "$scratch/globals.sql"
  # A warning (of a membership that is there) is none of its failures. Its messages are in one language: LC_ALL, lc_messages.
  sed -n '/: \(WARNING\|NOTICE\): /!s/^psql:[^:]*:\([0-9]*\): /\1: /p' "$scratch/said" >"$scratch/said.globals"
  if [ -s "$scratch/said.globals" ] || [ "$globals_status" -ne 0 ]; then faults - globals "$scratch/said.globals"; fi
}

# is_there DATABASE: prints `missing`, `empty`, or how many relations, functions, types and schemas of its own it has. (Name as it is.)
is_there() {
  answer=$(sql "$(maintenance "$1")" "select count(*) from pg_catalog.pg_database where datname = $(literal "$1")") || return 1
  [ "$answer" != 0 ] || {
    echo missing
    return
  }
  answer=$(sql "$1" "
    select (select count(*) from pg_catalog.pg_class c where c.oid >= 16384 and relkind in ('r', 'v', 'm', 'S', 'f', 'p') and not exists (select 1 from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e') and relnamespace not in (select oid from pg_catalog.pg_namespace where nspname ~ '^pg_'))
      + (select count(*) from pg_catalog.pg_proc p where p.oid >= 16384 and not exists (select 1 from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'))
      + (select count(*) from pg_catalog.pg_namespace n where n.oid >= 16384 and nspname <> 'public' and nspname !~ '^pg_' and not exists (select 1 from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_namespace'::regclass and d.objid = n.oid and d.deptype = 'e'))
      + (select count(*) from pg_catalog.pg_largeobject_metadata)") || return 1
  if [ "$answer" = 0 ]; then echo empty; else echo "$answer"; fi
}

# --- one database ---

# for_server: SQL of programs that are newer than the server, as it takes it.
for_server() {
  if [ "$tool_number" -le "$server_number" ]; then cat; else awk -v server="$server_number" -f "$here/older.awk"; fi
}

# properties PART FILE FROM AS: SQL of a database itself. (Names as they are.)
properties() {
  "$pg_restore" -C -l "$run_folder/$2" | awk '/^[0-9]+; [0-9]+ [0-9]+ (DATABASE |DATABASE PROPERTIES |(ACL|COMMENT|SECURITY LABEL) - DATABASE )/' >"$scratch/list.database"
  # shellcheck disable=SC2086
  "$pg_restore" -C -L "$scratch/list.database" $to_stdout "$run_folder/$2" | FROM=$3 AS=$4 awk -v part="$1" -f "$here/literals.awk" -f "$here/properties.awk" | for_server
}

# make_database FILE FROM AS OLD: makes it as it was, still empty; of one that is there (OLD=empty) everything but its encoding. (Names as they are.)
make_database() {
  if [ "$4" = missing ]; then
    properties 1 "$1" "$2" "$3" >"$scratch/make.sql"
    psql_script "$(maintenance "$3")" <"$scratch/make.sql" >/dev/null 2>"$scratch/said" || {
      faults "$3" "$1" "$scratch/said"
      return 1
    }
  else
    properties 1 "$1" "$2" "$3" | awk '/^ALTER DATABASE .* OWNER TO /' >"$scratch/make.sql"
    psql_script "$(maintenance "$3")" <"$scratch/make.sql" >/dev/null 2>"$scratch/said" || faults "$3" "$1" "$scratch/said"
  fi
  properties 2 "$1" "$2" "$3" >"$scratch/make.sql"
  psql_script "$3" <"$scratch/make.sql" >/dev/null 2>"$scratch/said" || faults "$3" "$1" "$scratch/said"
}

# plain_name DATABASE: for programs that, when old, take no connection string where a name is enough.
plain_name() {
  case $1 in
    *=* | postgres://* | postgresql://*) database "$1" ;;
    *) printf '%s' "$1" ;;
  esac
}

# choose_section WHICH FILE [LIST]: sets $section, pg_restore's option for a section of a dump (and of a list of it); until 9.1 it has none,
# and the section is told by the kinds of its lines.
choose_section() {
  [ "$tool_number" -lt 902 ] || {
    section=--section=$1
    return
  }
  if [ -n "${3:-}" ]; then cat -- "$3"; else "$pg_restore" -l "$run_folder/$2"; fi |
    awk -v which="$1" '/^[0-9]+; / {
      kind = $0
      sub(/^[0-9]+; [0-9]+ [0-9]+ /, "", kind)
      is = "pre-data"
      if (kind ~ /^(TABLE DATA|SEQUENCE SET|BLOBS|BLOB COMMENTS) /) is = "data"
      else if (kind ~ /^(INDEX|CONSTRAINT|FK CONSTRAINT|RULE|TRIGGER|DEFAULT ACL) / || kind ~ /^COMMENT [^ ]+ (INDEX|CONSTRAINT|RULE|TRIGGER) /) is = "post-data"
      if (is == which) print
    }' >"$scratch/list.$1"
  section=--use-list=$scratch/list.$1
}

# load DATABASE FILE OPTION…: one pg_restore; what it said is kept, and its failure is a fault later (collect). (Name as it is.)
load() {
  load_into=$1 load_file=$2
  shift 2
  load_key=$(printf '%s' "$load_file.$load_step" | tr '/' '|')
  background "$pg_restore" -w -d "$(plain_name "$load_into")" "$@" "$run_folder/$load_file" >/dev/null 2>"$scratch/said.$load_key"
  load_status=$?
  if [ "$load_status" -ne 0 ] && [ "$tool_number" -gt "$server_number" ] && only_settings "$scratch/said.$load_key"; then load_status=0; fi
  [ "$load_status" -eq 0 ] || echo "$load_file" >"$scratch/bad.$load_key"
  : >"$scratch/done/$load_key"
  return "$load_status"
}

# only_settings SAID: whether pg_restore's errors all are of settings that a server does not know which is older than it (older.awk); then nothing is
# kept of them.
only_settings() {
  awk '/^pg_restore: (error|warning): / || /^pg_restore: \[/ { if ($0 ~ /ERROR:  unrecognized configuration parameter "(transaction_timeout|default_table_access_method|idle_in_transaction_session_timeout|row_security|lock_timeout)"/) next
    if ($0 ~ /errors ignored on restore/) next
    other = 1 } END { exit other }' "$1" && : >"$1"
}

# collect DATABASE: the faults of its pg_restores.
collect() {
  for bad in "$scratch"/bad.*; do
    [ -f "$bad" ] || continue
    faults "$1" "$(cat "$bad")" "$scratch/said.${bad##*/bad.}"
  done
  # What one said that ended well is a warning, for whoever reads the log.
  for one in "$scratch"/said.*'|'*; do
    if [ ! -s "$one" ] || [ -f "$scratch/bad.${one##*/said.}" ]; then continue; fi
    while IFS= read -r words; do
      event remark "$1" said "$words"
      say "  $1: $words"
    done <"$one"
  done
  rm -f -- "$scratch"/bad.* "$scratch"/said.*'|'*
}

# side_by_side DATABASE OPTION… <PATHS: each loaded by a pg_restore of its own, $parallel at once; the largest first.
side_by_side() {
  cat >"$scratch/queue"
  rm -rf -- "$scratch/claims"
  mkdir -- "$scratch/claims"
  slot=0
  slots=''
  while [ "$slot" -lt "$parallel" ]; do
    slot=$((slot + 1))
    # Its claim makes a dump one worker's.
    {
      worker_status=0
      while IFS= read -r path <&3; do
        mkdir -- "$scratch/claims/$(printf '%s' "$path" | tr '/' '|')" 2>/dev/null || continue
        side_into=$1
        shift
        load "$side_into" "$path" "$@" </dev/null || worker_status=1
        set -- "$side_into" "$@"
      done 3<"$scratch/queue"
      exit "$worker_status"
    } 9>&- &
    slots="$slots $!"
    : >"$scratch/running/$!"
  done
  for one in $slots; do
    wait "$one"
    rm -f -- "$scratch/running/$one"
  done
}

# alone_first DATABASE: the path of the dump that would still be loaded when all others are, if it has several tables; it is then loaded by
# several jobs, before the others.
alone_first() {
  NAME=$1 awk -F '\t' -v n="$parallel" '
    $1 == "file" && ($5 == "data" || $5 == "rest") && $6 == ENVIRON["NAME"] { size[$2] = $3; all += $3 }
    $1 == "holds" && $5 == "r" { tables[$2]++ }
    END { for (p in size) if (n > 1 && size[p] * n > all && tables[p] > 1) print p }' "$manifest"
}

# restore_database DATABASE TARGET OLD: all of a database, into one that is not there (OLD=missing) or is empty. (TARGET as it is.)
# Status 1: not all of it; each fault was said.
restore_database() {
  from=$(unescaped "$1") into=$2
  faults_before=$failures
  frame=$(files_of frame "$1") whole=$(files_of whole "$1")
  first=${frame:-$whole}
  event step "$into" make
  make_database "$first" "$from" "$into" "$3" || return 1
  listed_without_comment "$1" "$first"
  if [ -z "$frame" ]; then
    event step "$into" whole
    load_step=whole
    load "$into" "$whole" ${list:+"--use-list=$list"} -j "$parallel"
  else
    event step "$into" pre-data
    load_step=pre
    choose_section pre-data "$frame" "$list"
    load "$into" "$frame" ${list:+"--use-list=$list"} "$section"
    event step "$into" data
    load_step=data
    big=$(alone_first "$1" | head -n 1)
    [ -z "$big" ] || load "$into" "$big" --data-only -j "$parallel"
    files_of data "$1" | BIG=$big awk '$0 != ENVIRON["BIG"]' >"$scratch/data"
    side_by_side "$into" --data-only <"$scratch/data"
    event step "$into" post-data
    load_step=post
    choose_section post-data "$frame"
    load "$into" "$frame" "$section" -j "$parallel"
  fi
  collect "$into"
  set_properties "$1" "$into"
  [ "$failures" -eq "$faults_before" ]
}

# --- how far it is ---

# bytes_of DATABASE: of its dumps with rows.
bytes_of() { NAME=$1 awk -F '\t' '$1 == "file" && ($5 == "data" || $5 == "rest" || $5 == "whole") && $6 == ENVIRON["NAME"] { n += $3 } END { printf("%.0f\n", n) }' "$manifest"; }

# ticking TOTAL: until it is ended, how much of TOTAL bytes is loaded, each other second while that changes: the dumps that are done, and what
# running pg_restores have read by now.
ticking() {
  told=-1
  trap 'kill "$nap" 2>/dev/null; exit 0' TERM
  # (Who is killed ends nobody: $$ is this program, also here.)
  while [ -d "/proc/$$" ]; do
    sleep 2 >/dev/null 2>&1 &
    nap=$!
    wait "$nap"
    loaded=$(
      for one in "$scratch"/running/*; do
        one=${one##*/}
        for each in "$one" $(cat "/proc/$one/task/$one/children" 2>/dev/null); do cat "/proc/$each/io" 2>/dev/null; done
      done | awk -v total="$1" -v past="$(past_bytes)" '$1 == "rchar:" { n += $2 } END { n += past; printf("%.0f\n", n > total ? total : n) }'
    )
    [ "$loaded" -le "$told" ] || event progress "$loaded" "$1"
    [ "$loaded" -le "$told" ] || told=$loaded
  done
}

past_bytes() {
  for one in "$scratch"/done/*; do printf '%s\n' "${one##*/}"; done |
    awk -F '\t' 'NR == FNR { if (sub(/[.](data|whole)$/, "")) { gsub(/[|]/, "/"); over[$0] = 1 }; next } $1 == "file" && $2 in over { n += $3 } END { printf("%.0f\n", n) }' - "$manifest"
}

# tick TOTAL; tick_end: around what takes long.
tick() {
  ticker=''
  [ -n "$events" ] || return 0
  event progress 0 "$1"
  ticking "$1" 9>&- &
  ticker=$!
  : >"$scratch/running/$ticker"
}
tick_end() {
  [ -n "$ticker" ] || return 0
  kill "$ticker" 2>/dev/null
  wait "$ticker" 2>/dev/null
  rm -f -- "$scratch/running/$ticker"
}

# replace_database DATABASE TARGET: into a new database, which takes the name of the one that is there; that one is kept. (TARGET as it is.)
replace_database() {
  short=$(printf '%s' "$2" | cut -c 1-36)
  beside=${short}_restored_$suffix old=${short}_before_$suffix
  restore_database "$1" "$beside" missing || {
    fault "$2" - "the database is as before; what came back of it is in $beside: drop database $(identifier "$beside") takes that away"
    return 1
  }
  # Nobody may be in a database that gets another name, or come in meanwhile.
  refusing=$(sql "$(maintenance "$2")" "select datallowconn from pg_catalog.pg_database where datname = $(literal "$2")") || refusing=t
  tries=0
  until sql "$(maintenance "$2")" "begin;
    update pg_catalog.pg_database set datallowconn = false where datname = $(literal "$2");
    commit;
    select pg_catalog.pg_terminate_backend($([ "$server_number" -ge 902 ] && echo pid || echo procpid)) from pg_catalog.pg_stat_activity where datname in ($(literal "$2"), $(literal "$beside"));
    select pg_catalog.pg_sleep(0.2);
    begin;
    alter database $(identifier "$2") rename to $(identifier "$old");
    alter database $(identifier "$beside") rename to $(identifier "$2");
    commit" >/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 10 ] || {
      fault "$2" - "it could not be renamed: $(tr '\n' ' ' <"$why"); what came back is in $beside"
      sql "$(maintenance "$2")" "update pg_catalog.pg_database set datallowconn = true where datname = $(literal "$2")" >/dev/null
      return 1
    }
    sleep 1
  done
  [ "$refusing" = f ] || sql "$(maintenance "$2")" "update pg_catalog.pg_database set datallowconn = true where datname = $(literal "$old")" >/dev/null
  event kept "$2" "$old"
  say "  the database that was there is kept as $old"
}
