/** Without a program for each. */
const lengthOfWork = `\${#work}`;
const tenth = `\${10}`;

/**
 * A POSIX script that makes an empty cluster of the new version, asks that which extensions it has, runs `pg_upgrade --check` with
 * it against the running server, and takes everything away again, whatever happens. One at a time on a server: its lock is the
 * control directory itself. Prints lines KEY=VALUE, and after a line `said` what a program said that ended with an error.
 *
 * Arguments: the control directory, the folder of upgrades in it, the server's data directory, the folders of its programs and of
 * the new ones, the install user, how (`clean`, `shape`, or an option of pg_upgrade's; `copy` is none), settings of the new
 * cluster as lines of postgresql.conf, databases to come into, one a line, SQL to run in the new
 * cluster first, one statement a line; then initdb and its arguments.
 * Standard input: a password file.
 */
export const checkScript = String.raw`export LC_ALL=C
umask 077
control=$1 parent=$2 data=$3 old=$4 new=$5 user=$6 how=$7 settings=$8 databases=$9 probes=${tenth}
shift 10
work=$parent/check
sockets=$work
say() { printf '%s=%s\n' "$1" "$2"; }
give_up() { say stopped "$1"; [ ! -s "$2" ] || { echo said; tail -n 40 -- "$2"; }; exit 0; }

exec 9< "$control" || give_up folder ''
flock -w 600 9 || give_up busy ''

# One that a killed check has left may run still.
end_new() {
  pid=
  { read -r pid; } 2>/dev/null < "$work/new/postmaster.pid"
  case $pid in '' | *[!0-9]*) return ;; esac
  [ "$(readlink "/proc/$pid/cwd")" = "$(readlink -f -- "$work/new")" ] || return
  kill -s INT "$pid" 2>/dev/null
  waited=0
  while kill -0 "$pid" 2>/dev/null; do
    [ "$waited" -lt 20 ] || { kill -s QUIT "$pid" 2>/dev/null; sleep 1; return; }
    waited=$((waited + 1))
    sleep 1
  done
}
clean() {
  cd /
  end_new
  rm -rf -- "$work"
  [ "$sockets" = "$work" ] || rm -rf -- "$sockets"
  rmdir -- "$parent" 2>/dev/null
}
trap clean EXIT
trap 'exit 1' HUP INT TERM
[ ! -e "$work" ] || { end_new; rm -rf -- "$work"; }
[ "$how" != clean ] || exit 0
mkdir -p -- "$work" || give_up folder ''
cat > "$work/passfile"

unset PGDATA PGPORT PGHOST PGUSER PGDATABASE PGPASSWORD PGOPTIONS PGSERVICE NOTIFY_SOCKET
# A path of a socket has 107 bytes at most.
if [ "${lengthOfWork}" -gt 88 ]; then
  sockets=$(mktemp -d) || { sockets=$work; give_up folder ''; }
fi
idle=
command -v ionice >/dev/null && idle='ionice -c 3'
limit=
command -v timeout >/dev/null && limit='timeout -k 20 1200'

nice -n 19 $idle "$@" > "$work/initdb.log" 2>&1 < /dev/null 9<&- || give_up initdb "$work/initdb.log"
say made yes
printf '%s\n' "$probes" \
  "copy (select 'pgsite-collation ' || substr(collname, 14) || ' ' || pg_catalog.pg_collation_actual_version(oid) from pg_catalog.pg_collation where collname like 'pgsite\_probe\_%') to stdout" \
  "copy (select 'pgsite-extension ' || name || ' ' || default_version from pg_catalog.pg_available_extensions order by name) to stdout" \
  "copy (select 'pgsite-marks ' || exists (select 1 from pg_catalog.pg_attribute where attoptions::text like '%pg_attver=%')::text) to stdout" |
  $limit "$new/postgres" --single -D "$work/new" -c lc_messages=C template1 2> "$work/single.log" 9<&- |
  sed -n -e 's/.*pgsite-extension /extension=/p' -e 's/.*pgsite-marks /marks=/p' -e 's/.*pgsite-collation /collation=/p'
[ "$how" != shape ] || exit 0

[ -z "$settings" ] || printf '%s\n' "$settings" >> "$work/new/postgresql.conf"
port=
folder=
{ read -r _ && read -r _ && read -r _ && read -r port && read -r folder; } 2>/dev/null < "$data/postmaster.pid"
[ -n "$port" ] || give_up running ''
[ -n "$folder" ] || give_up connect ''
export PGPASSFILE="$work/passfile" PGCONNECT_TIMEOUT=10
printf '%s\n' "$databases" > "$work/databases"
while IFS= read -r database; do
  [ -n "$database" ] || continue
  PGDATABASE=$database "$new/psql" -X -w -A -t -h "$folder" -p "$port" -U "$user" -c 'select 1' \
    > /dev/null 2> "$work/psql.log" < /dev/null 9<&-
  [ $? != 2 ] || give_up connect "$work/psql.log"
done < "$work/databases"

other=$((port + 1))
[ "$other" -lt 65536 ] || other=$((port - 1))
set -- --check -b "$old" -B "$new" -d "$data" -D "$work/new" -p "$port" -P "$other" -U "$user"
[ "$how" = copy ] || set -- "$@" "$how"
[ "$sockets" = "$work" ] || set -- "$@" -s "$sockets"
cd "$work" || give_up folder ''
nice -n 19 $idle $limit "$new/pg_upgrade" "$@" > "$work/said" 2>&1 < /dev/null 9<&-
say code "$?"
echo said
cat -- "$work/said"
# Where it lists what it found.
find "$work" -name '*.txt' ! -path "$work/new/base/*" -exec sh -c 'for file; do printf "%s:\n" "$file"; head -n 50 -- "$file"; done' sh {} + 2>/dev/null
`;
