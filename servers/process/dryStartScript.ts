import { controlNames } from "../../config/controlDirectory.js";
import { dataFolders } from "../../postgres/start/overrides.js";

/** Without a program for each: a folder has many. */
const nameOfPath = `\${path##*/}`;
const folderOfFile = `\${file%/*}`;
const sizeOfPool = `\${pool##*-}`;
const sizeWithoutUnit = `\${size%kB}`;

/**
 * A POSIX script that starts a server's program in a scratch folder, which it removes, and prints what `dryStartFacts.ts` reads:
 * lines KEY=VALUE, and after a line `log` what the program said. Nothing of the real server is written to.
 *
 * Arguments: the data directory, the folder of the configuration, the control directory, the program, whether it must be the one that
 * the server runs as (yes or no), whether a unit of systemd's starts it (yes or no); and, one a line, names of files that are not to be
 * there, folders of sockets, the port, folders of the log, names to look up. Then what the program is told, each as NAME=VALUE.
 *
 * Standard input: files in pairs of lines, the name below the scratch folder and the content in base64.
 */
export const dryStartScript = String.raw`
export LC_ALL=C
umask 077
ulimit -c 0 2>/dev/null
data=$1 conf=$2 control=$3 program=$4 approved=$5 unit=$6 absent=$7 sockets=$8 port=$9
shift 9
logs=$1 names=$2
shift 2
say() { printf '%s=%s\n' "$1" "$2"; }
give_up() { say untried "$1"; exit 0; }

pid=
{ read -r pid; } 2>/dev/null < "$data/postmaster.pid"
case $pid in '' | *[!0-9]*) pid= ;; esac
[ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd")" = "$(readlink -f -- "$data")" ] || pid=
if [ "$approved" = yes ]; then
  [ -n "$pid" ] && [ "$(readlink "/proc/$pid/exe")" = "$(readlink -f -- "$program")" ] || give_up program
fi
[ -f "$program" ] && [ -x "$program" ] || give_up missing

parent=$control/${controlNames.dryStart}
mkdir -p -- "$parent" 2>/dev/null || give_up folder
# Of one that was killed.
find "$parent" -mindepth 1 -maxdepth 1 -mmin +10 -exec rm -rf -- {} + 2>/dev/null
work=$(mktemp -d "$parent/XXXXXX" 2>/dev/null) || give_up folder
trap 'rm -rf -- "$work"; rmdir -- "$parent" 2>/dev/null' EXIT
trap 'exit 1' HUP INT TERM
say scratch "$work"

# Files that others refer to by a relative path are found beside the scratch ones, through links.
mkdir -- "$work/data" "$work/conf" || give_up folder
while IFS= read -r name && IFS= read -r body; do
  file=$work/$name
  { [ -d "${folderOfFile}" ] || mkdir -p -- "${folderOfFile}"; } && printf %s "$body" | base64 -d > "$file" || give_up folder
done
newline='
'
is_absent() { case "$newline$absent$newline" in *"$newline$1$newline"*) return 0 ;; esac; return 1; }
# Whatever the folder holds that is not declared.
link_rest() {
  for path in "$1"/* "$1"/.[!.]*; do
    [ -e "$path" ] || [ -h "$path" ] || continue
    name=$2${nameOfPath}
    case $name in base | global | log | postmaster.* | PG_VERSION | pg_*) [ "$name" = pg_ident.conf ] || continue ;; esac
    if [ -d "$work/conf/$name" ]; then link_rest "$path" "$name/"; continue; fi
    [ -e "$work/conf/$name" ] || is_absent "$name" || ln -s -- "$path" "$work/conf/$name"
  done
}
link_rest "$conf" ''
for path in "$data"/*; do
  name=${nameOfPath}
  case $name in
    base | global | pg_* | log | postmaster.* | PG_VERSION | *.conf | *.signal | *.done | backup_* | tablespace_map* | current_logfiles | pgsite.*) ;;
    *) [ ! -e "$path" ] || ln -s -- "$path" "$work/data/$name" ;;
  esac
done
for folder in ${dataFolders.join(" ")}; do
  # A folder of a tool's own may be called so.
  [ ! -h "$work/data/$folder" ] || rm -f -- "$work/data/$folder"
done
(cd "$work/data" && mkdir -- ${dataFolders.join(" ")}) 2>/dev/null

# pg_ctl gives a server the surroundings of whoever calls it; a unit has its own.
if [ "$unit" = yes ] && [ -n "$pid" ] && [ -r "/proc/$pid/environ" ]; then
  for name in LD_LIBRARY_PATH OPENSSL_CONF OPENSSL_MODULES KRB5_CONFIG; do
    value=$(tr '\0' '\n' < "/proc/$pid/environ" | sed -n "s/^$name=//p" | head -n 1)
    [ -z "$value" ] || export "$name=$value"
  done
fi
unset PGDATA PGPORT PGHOST NOTIFY_SOCKET
limit=
command -v timeout >/dev/null && limit='timeout -k 3 20'
for option; do
  shift
  set -- "$@" -c "$option"
done
try() {
  rm -rf -- "$work/data/pg_wal" "$work/data/pg_xlog" "$work/data/postmaster.pid"
  mkdir -- "$work/data/pg_wal" "$work/data/pg_xlog"
  cp -- "$data/PG_VERSION" "$work/data/PG_VERSION" && cp -- "$data/global/pg_control" "$work/data/global/pg_control" || return 1
  cd "$work/data" || return 1
  $limit "$program" -D "$work/conf" -k . -c "data_directory=$work/data" -c "hba_file=$work/conf/pg_hba.conf" \
    -c "ident_file=$work/conf/pg_ident.conf" "$@" > "$work/said" 2>&1 < /dev/null
  code=$?
  [ -d "$work/data/pg_wal/archive_status" ] || [ -d "$work/data/pg_xlog/archive_status" ]
}
# A control file that is written just then cannot be read.
if try "$@" || { [ "$code" != 124 ] && try "$@"; }; then say passed yes; fi
say code "$code"

say now "$(date +%s)"
# A number of the kernel's comes by one read alone: dash, which reads letter by letter, gets its first.
sed -n -e 's/^\(MemTotal\|SwapTotal\|CommitLimit\|Committed_AS\|Hugepagesize\): *\([0-9]*\) kB$/\1=\2/p' -e 's/^[0-9][0-9]*$/shmmax=&/p' /proc/meminfo /proc/sys/kernel/shmmax 2>/dev/null
# The one line of a file of the kernel's, without a program for each.
line_of() {
  value=
  { IFS= read -r value; } 2>/dev/null < "$1"
}
line_of /proc/sys/vm/overcommit_memory
say overcommit "$value"
for pool in /sys/kernel/mm/hugepages/hugepages-*kB; do
  [ -d "$pool" ] || continue
  size=${sizeOfPool}
  found=${sizeWithoutUnit}
  for number in free_hugepages resv_hugepages nr_overcommit_hugepages surplus_hugepages; do
    line_of "$pool/$number"
    found="$found $value"
  done
  say pool "$found"
done
if [ -n "$pid" ]; then
  grep -E '/dev/zero|/anon_hugepage|/SYSV' "/proc/$pid/maps" 2>/dev/null | sed 's/^/map=/'
  ls -l "/proc/$pid/fd" 2>/dev/null | sed -n 's/.*socket:\[\([0-9]*\)\].*/mine=\1/p'
fi
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '$4 == "0A" { print "listens=" $2 " " $10 }'
awk '/\|--/ { at = $NF } $2 == "host" && $3 == "LOCAL" { print "local=" at $1 }' /proc/net/fib_trie 2>/dev/null | sort -u
awk '{ print "local6=" $1 }' /proc/net/if_inet6 2>/dev/null
line_of /proc/sys/net/ipv4/ip_nonlocal_bind
say nonlocal "$value"
sed -n 's/^[0-9][0-9]*$/unprivileged=&/p' /proc/sys/net/ipv4/ip_unprivileged_port_start 2>/dev/null
printf %s "$names" | tr '\n' '\0' | xargs -0 -r -n 1 sh -c '
  command -v getent >/dev/null || exit 0
  echo "name=$0"
  getent ahosts "$0" | sed -n "s/^\([^ ]*\) .*/is=$0 \1/p" | sort -u'
# Whether the server's user may put something into a folder, or make it: "missing" is one whose parent it may not write to either.
state() {
  if [ -d "$1" ]; then
    [ -w "$1" ] && [ -x "$1" ] && echo good || echo 'not writable'
  elif [ -e "$1" ] || [ -h "$1" ]; then
    echo missing
  else
    above=$(dirname -- "$1")
    [ "$2" = deep ] && while [ ! -e "$above" ]; do above=$(dirname -- "$above"); done
    [ -d "$above" ] && [ -w "$above" ] && [ -x "$above" ] && echo good || echo missing
  fi
}
each() { printf '%s\n' "$1" | while IFS= read -r folder; do [ -z "$folder" ] || "$2" "$folder"; done; }
socket() {
  say folder "$(state "$1" deep) $1"
  lock=$1/.s.PGSQL.$port.lock
  [ -f "$lock" ] && [ -r "$lock" ] || return 0
  { read -r other; } < "$lock"
  case $other in '' | *[!0-9]*) return 0 ;; esac
  [ "$other" = "$pid" ] || ! kill -0 "$other" 2>/dev/null || say socket "$other $1/.s.PGSQL.$port"
}
log() { say folder "$(state "$1") $1"; }
each "$sockets" socket
each "$logs" log
echo log
tail -c 400000 "$work/said"
`;
