# shellcheck shell=sh
# The drill's own server: in a folder of its own, by initdb, with nothing of the live configuration. Nobody but its OS user gets to it, by a socket in
# a folder of mode 0700: it has no address at all. Where the kernel lets it, it also has no network, and no other server's socket: nothing that is
# restored (a view over a foreign table, say) reaches anything. Read after restore.sh.
# shellcheck disable=SC2034,SC2154
mark=pgsite.drill
drill_home=${drill_folder:-$jobs/drill}
drill_socket=$drill_home/socket

# remove_scratch: what this drill, or one that was killed, has made. Status 1: something that is not a drill's lies there; $why says what.
remove_scratch() {
  [ -e "$drill_home" ] || return 0
  if [ ! -f "$drill_home/$mark" ]; then
    rmdir -- "$drill_home" 2>/dev/null && return 0
    echo "$drill_home is not of a drill: it has no $mark. Move it away, or name another folder" >"$why"
    return 1
  fi
  pid=''
  # Its process by its folder: the number may be another's by now.
  [ ! -r "$drill_home/data/postmaster.pid" ] || pid=$(head -n 1 "$drill_home/data/postmaster.pid")
  case $pid in '' | *[!0-9]*) pid='' ;; esac
  if [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$drill_home/data" ]; then
    # Nothing of it is kept: it needs no checkpoint.
    kill -QUIT "$pid" 2>/dev/null
    waited=0
    while [ -d "/proc/$pid" ] && [ "$waited" -lt 100 ]; do
      waited=$((waited + 1))
      sleep 0.1
      [ "$waited" -ne 70 ] || kill -KILL "$pid" 2>/dev/null
    done
  fi
  elsewhere=$(sed -n 's/^socket //p' "$drill_home/$mark")
  case $elsewhere in */pgsite-drill.*) rm -rf -- "$elsewhere" ;; esac
  # The mark goes last.
  for part in data tablespaces socket log; do rm -rf -- "${drill_home:?}/$part"; done
  rm -f -- "$drill_home/$mark"
  rmdir -- "$drill_home" 2>"$why"
}

# make_scratch SUPERUSER: a new server, running; from here on everything is directed at it. Status 1: $why says why not.
make_scratch() {
  mkdir -p -- "$drill_home" && chmod 700 -- "$drill_home" || return 1
  # A socket's path has an end.
  if [ "${#drill_socket}" -gt 85 ]; then
    drill_socket=$(mktemp -d "${TMPDIR:-/tmp}/pgsite-drill.XXXXXXXX") || return 1
  fi
  printf 'a drill of pgsite: %s of %s. What lies here goes with the next one.\nsocket %s\n' "$server" "$site" "$drill_socket" >"$drill_home/$mark"
  mkdir -p -- "$drill_socket" "$drill_home/tablespaces" && chmod 700 -- "$drill_socket" || return 1
  nosync=''
  [ "$number" -lt 903 ] || nosync=-N
  # shellcheck disable=SC2086
  timeout 300 "$bin/initdb" -D "$drill_home/data" -U "$1" -A trust -E UTF8 --locale=C $nosync >"$drill_home/log" 2>&1 9>&- || {
    cp -- "$drill_home/log" "$why"
    return 1
  }
  scratch_settings >>"$drill_home/data/postgresql.conf"
  echo 'local all all trust' >"$drill_home/data/pg_hba.conf"
  live_sockets
  cut_off=''
  if [ -z "${drill_network:-}" ]; then
    if confined true 2>/dev/null; then cut_off=confined
    elif unshare -U -n true 2>/dev/null; then cut_off='unshare -U -n'; fi
  fi
  (cd / && $cut_off timeout 120 "$bin/pg_ctl" -D "$drill_home/data" -l "$drill_home/log" -W -s start >/dev/null 2>"$why" 9>&-) || return 1
  PGHOST=$drill_socket PGUSER=$1
  unset PGPASSFILE
  export PGHOST PGUSER
  waited=0
  until sql postgres 'select 1' >/dev/null; do
    waited=$((waited + 1))
    [ "$waited" -lt "${drill_start_seconds:-120}" ] || {
      tail -n 5 "$drill_home/log" >>"$why"
      return 1
    }
    sleep 0.5
  done
}

# live_sockets: sockets of servers that programs of this host look for, in $scratch/sockets.
live_sockets() {
  : >"$scratch/sockets"
  for socket in "${host_of_server:-/tmp}"/.s.PGSQL.* /tmp/.s.PGSQL.* /var/run/postgresql/.s.PGSQL.*; do
    [ ! -S "$socket" ] || printf '%s\n' "$socket" >>"$scratch/sockets"
  done
  sort -u -o "$scratch/sockets" -- "$scratch/sockets"
}

# confined COMMAND…: with no network, not even loopback, and where a socket of another server is, nothing. It keeps its user: in there that is nobody by
# name, and by number who it was. Not every kernel lets a user do this.
confined() {
  command -v unshare >/dev/null 2>&1 || return 1
  # shellcheck disable=SC2016
  unshare -r -m -n sh -c '
    while IFS= read -r socket; do mount --bind /dev/null "$socket" || exit 1; done <"$1"
    shift
    exec unshare -U "$@"' sh "$scratch/sockets" "$@"
}

scratch_settings() {
  cat <<SETTINGS
listen_addresses = ''
port = $PGPORT
unix_socket_permissions = 0700
archive_mode = off
max_wal_senders = 0
wal_level = minimal
fsync = off
full_page_writes = off
synchronous_commit = off
autovacuum = off
logging_collector = off
log_destination = 'stderr'
lc_messages = 'C'
max_connections = $((parallel + 20))
max_locks_per_transaction = 1024
maintenance_work_mem = 128MB
checkpoint_timeout = 30min
SETTINGS
  if [ "$number" -ge 903 ]; then echo "unix_socket_directories = '$drill_socket'"; else echo "unix_socket_directory = '$drill_socket'"; fi
  [ "$number" -lt 904 ] || echo 'max_replication_slots = 0'
  if [ "$number" -ge 905 ]; then echo 'max_wal_size = 1GB'; else echo 'checkpoint_segments = 32'; fi
  [ "$number" -lt 1000 ] || echo 'max_logical_replication_workers = 0'
  [ "$number" -lt 1100 ] || echo 'jit = off'
}

# tablespace_folders: one for each of the run's, whose own place may be in use on this host.
tablespace_folders() {
  of_globals tablespaces >"$scratch/tablespaces"
  tablespaces=0
  while IFS= read -r _; do
    tablespaces=$((tablespaces + 1))
    mkdir -p -- "$drill_home/tablespaces/$tablespaces"
  done <"$scratch/tablespaces"
}
