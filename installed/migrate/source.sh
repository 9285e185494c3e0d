# shellcheck shell=sh
# The source of a migration: the data of before the upgrade under their own programs, in a folder of sockets of ours, by no network,
# for reading alone. Whoever starts it writes it a configuration of its own: that of before may lead to the data in force.
# shellcheck disable=SC2034,SC2154

source_folder=$jobs/migrate
source_log=$source_folder/log

# identifier_of FOLDER: the system identifier of a cluster, as its control file begins.
identifier_of() { od -A n -t u8 -N 8 -- "$1/global/pg_control" 2>/dev/null | tr -d ' \n'; }

real_path() { (cd -P -- "$1" 2>/dev/null && pwd); }

# from_source DATABASE QUERY: rows of the source, fields separated by tabs.
from_source() {
  PGHOST=$source_folder PGPORT=$port PGOPTIONS=$source_options PGCLIENTENCODING=$encoding PGPASSFILE=$control/none \
    "$psql" -X -q -A -t -w -F "$tab" -v ON_ERROR_STOP=1 -v VERBOSITY=verbose -d "$(database "$1")" -c "$2"
}

# Values are written so that the other version reads the same ones, and names of types with their schemas.
source_options="-c lc_messages=C -c datestyle=ISO -c intervalstyle=postgres -c timezone=UTC -c bytea_output=hex -c extra_float_digits=3 \
-c lc_monetary=C -c standard_conforming_strings=on -c search_path=pg_catalog -c statement_timeout=0 -c synchronize_seqscans=off"
encoding=UTF8

source_answers() { from_source postgres 'SELECT 1' >/dev/null 2>"$why" 9>&-; }

# set_before NAME: what the control file says that the source had, or else its own configuration. A value that it did not have would be
# written to its WAL, and its old standbys, to which a rollback may return, stop at some.
set_before() {
  if [ -s "$scratch/controldata" ]; then
    sed -n "s/^\(Current \)*$1 setting: *//p" "$scratch/controldata"
  else
    "$source_bin/postgres" -D "$source_data" -C "$1" 2>/dev/null
  fi
}

configure_source() {
  mkdir -p -- "$source_folder" && chmod 700 -- "$source_folder" || return 1
  : >"$scratch/controldata"
  [ ! -x "$source_bin/pg_controldata" ] || "$source_bin/pg_controldata" "$source_data" >"$scratch/controldata" 2>/dev/null
  sockets=unix_socket_directories
  [ "$source_number" -ge 903 ] || sockets=unix_socket_directory
  {
    echo 'local all all trust' >"$source_folder/hba"
    : >"$source_folder/ident"
    for pair in "listen_addresses" "$sockets=$source_folder" "port=$port" "hba_file=$source_folder/hba" "ident_file=$source_folder/ident" \
      "unix_socket_permissions=0700" "lc_messages=C" "max_connections=$(value_before max_connections 20)" "archive_mode=off" "autovacuum=off" \
      "default_transaction_read_only=on" "shared_buffers=64MB" "max_prepared_transactions=$(value_before max_prepared_xacts 0)" \
      "max_locks_per_transaction=$(value_before max_locks_per_xact 64)" "log_min_messages=warning"; do
      case $pair in *=*) value=${pair#*=} ;; *) value='' ;; esac
      printf "%s = '%s'\n" "${pair%%=*}" "$(printf '%s' "$value" | sed "s/'/''/g; s/\\\\/\\\\\\\\/g")"
    done
    level=$(set_before wal_level)
    [ -z "$level" ] || printf "wal_level = '%s'\n" "$level"
    # Whoever streams from it would be a stranger; from 12 on the control file has the number.
    if [ "$source_number" -ge 1200 ] && [ "$level" != minimal ]; then printf "max_wal_senders = %s\n" "$(value_before max_wal_senders 10)"
    else echo 'max_wal_senders = 0'; fi
    [ "$source_number" -lt 904 ] || printf "max_worker_processes = %s\n" "$(value_before max_worker_processes 8)"
    [ "$source_number" -lt 905 ] || printf "track_commit_timestamp = %s\n" "$(value_before track_commit_timestamp off)"
    [ "$source_number" -lt 904 ] || printf "wal_log_hints = %s\n" "$(value_before wal_log_hints off)"
    # Its subscriptions would fetch what the new server's are to have.
    [ "$source_number" -lt 1000 ] || echo 'max_logical_replication_workers = 0'
  } >"$source_folder/postgresql.conf"
}

value_before() {
  found=$(set_before "$1")
  echo "${found:-$2}"
}

# judge_source: whether these are data that a migration may read.
judge_source() {
  [ -d "$source_data" ] || die 66 "the data of PostgreSQL $source_version are not there: $source_data"
  source_identifier=$(identifier_of "$source_data")
  [ -n "$source_identifier" ] || die 66 "$source_data has no control file that can be read"
  if [ "$(real_path "$source_data")" = "$(real_path "$data")" ]; then die 78 "$source_data are the data in force, and no source"; fi
  if [ "$source_identifier" = "$(identifier_of "$data")" ]; then die 78 "$source_data and $data are of one cluster ($source_identifier): no source"; fi
  [ -x "$source_bin/postgres" ] || die 69 "there are no programs of PostgreSQL $source_version in $source_bin"
  longest="$source_folder/.s.PGSQL.$port"
  [ ${#longest} -le 100 ] || die 78 "the path of a socket is too long: $longest"
}

# source_is_ours: whether it lives, and was started by a run of this program, which may have ended before it answered.
source_is_ours() {
  living=$(head -n 1 "$source_data/postmaster.pid" 2>/dev/null)
  case $living in '' | *[!0-9]*) return 1 ;; esac
  kill -0 "$living" 2>/dev/null && grep -qsF "$source_folder/postgresql.conf" "$source_data/postmaster.opts"
}

# start_source: it runs in the end, and is ours. One that crashed recovers by its start.
start_source() {
  judge_source
  ! source_answers || return 0
  started='' attempts=0 waited=0
  until source_answers; do
    # One that a run before this has started may go on, or end at this moment.
    if ! kill -0 "${started:-none}" 2>/dev/null && ! source_is_ours; then
      # Somebody else may have started it, and it takes writes.
      [ "$attempts" -lt 3 ] || die 75 "PostgreSQL $source_version does not start on $source_data: $(tail -n 5 "$source_log" | tr '\n' ' ')"
      attempts=$((attempts + 1))
      launch_source
    fi
    sleep 0.2 2>/dev/null || sleep 1
    waited=$((waited + 1))
    # Recovery takes as long as it takes.
    [ $((waited % 100)) != 0 ] || say "PostgreSQL $source_version does not answer yet"
  done
}

launch_source() {
  configure_source || die 74 "$source_folder cannot be written"
  say "starting PostgreSQL $source_version on $source_data"
  detached=''
  ! command -v setsid >/dev/null 2>&1 || detached=setsid
  # shellcheck disable=SC2086
  $detached "$source_bin/postgres" -D "$source_data" -c config_file="$source_folder/postgresql.conf" \
    >>"$source_log" 2>&1 </dev/null 9>&- &
  started=$!
}

# stop_source: of ours alone; somebody else's is left.
stop_source() {
  source_answers || source_is_ours || return 0
  say "stopping PostgreSQL $source_version on $source_data"
  "$source_bin/pg_ctl" -D "$source_data" -m fast -w -t 600 stop >/dev/null 2>"$why" 9>&- ||
    die 75 "PostgreSQL $source_version does not stop on $source_data: $(cat "$why")"
}
