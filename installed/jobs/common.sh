# shellcheck shell=sh
# What the programs share that a host runs at given times: backup, drill, restore, watch. Each of them reads it first. POSIX shell.
# shellcheck disable=SC2034,SC2154
set -u
umask 077
LC_ALL=C
export LC_ALL
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
program=${0##*/}
# shellcheck source=/dev/null
. "$here/settings" || exit 78

jobs=$control/jobs
tab=$(printf '\t')
PGPORT=$port PGUSER=$role_of_jobs PGCONNECT_TIMEOUT=10 PGAPPNAME="pgsite $program"
# Messages that a person reads: one language in all mails.
PGOPTIONS='-c lc_messages=C'
export PGPORT PGUSER PGCONNECT_TIMEOUT PGAPPNAME PGOPTIONS
if [ -n "$host_of_server" ]; then
  PGHOST=$host_of_server
  export PGHOST
else
  unset PGHOST
fi
unset PGDATABASE PGSERVICE PGPASSWORD PGHOSTADDR PGSSLMODE PGTZ PGDATESTYLE PGCLIENTENCODING PGTARGETSESSIONATTRS
if [ -n "$passfile_of_jobs" ]; then PGPASSFILE=$passfile_of_jobs; else PGPASSFILE=$control/none; fi
export PGPASSFILE

events=''
sql_seconds=60
ending=''

# PGSITE_NOW is the time for whoever tries what happens later.
now() {
  if [ -n "${PGSITE_NOW:-}" ]; then echo "$PGSITE_NOW"; else date -u +%s; fi
}

utc() { date -u -d "@$1" +%Y-%m-%dT%H:%M:%SZ; }
run_name() { date -u -d "@$1" +%Y%m%dT%H%M%SZ; }

# size BYTES: 1.3 GB.
size() {
  awk -v n="$1" 'BEGIN { split("bytes kB MB GB TB PB", u, " "); i = 1
    while (n >= 1024 && i < 6) { n /= 1024; i++ }
    printf(i == 1 || n >= 100 ? "%.0f %s\n" : "%.1f %s\n", n, u[i]) }'
}

# span SECONDS: 2 h 3 min.
span() {
  if [ "$1" -lt 60 ]; then echo "$1 s"
  elif [ "$1" -lt 3600 ]; then echo "$(($1 / 60)) min $(($1 % 60)) s"
  elif [ "$1" -lt 172800 ]; then echo "$(($1 / 3600)) h $(($1 % 3600 / 60)) min"
  else echo "$(($1 / 86400)) days"; fi
}

say() { [ -n "$events" ] || printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*"; }

# die CODE TEXT…
die() {
  status=$1
  shift
  printf '%s: %s\n' "$program" "$*" >&2
  exit "$status"
}

# escaped TEXT: a field of a tab-separated line. (Awks differ in what a backslash of gsub's is; sed's is the same everywhere.)
escaped() {
  case $1 in
    *\\* | *"$tab"* | *'
'*) printf '%s' "$1" | sed -e 's/\\/\\\\/g' -e "s/$tab/\\\\t/g" | awk '{ printf("%s%s", NR > 1 ? "\\n" : "", $0) }' ;;
    *) printf '%s' "$1" ;;
  esac
}

# event WORD FIELD…: a line for a program, written at once: what runs beside this writes lines too.
event() {
  [ -n "$events" ] || return 0
  told_line=$1
  shift
  for field; do told_line=$told_line$tab$(escaped "$field"); done
  printf '%s\n' "$told_line"
}

# need PROGRAM…
need() {
  missing=''
  for one; do command -v "$one" >/dev/null 2>&1 || missing="$missing $one"; done
  [ -z "$missing" ] || die 69 "not found on this host:$missing"
}

# number_of PROGRAM: the version of one of PostgreSQL's programs, as `number` has the server's.
number_of() {
  "$1" --version 2>/dev/null | awk '{ for (i = 1; i <= NF; i++) if ($i ~ /^[0-9]/) { split($i, v, /[^0-9]+/); print v[1] * 100 + (v[1] < 10 ? v[2] : 0); exit } }'
}

# client NAME: PostgreSQL's own program of the declared version, or one of PATH that is not older.
client() {
  for folder in "$bin" ${clients:+"$clients"}; do
    [ ! -x "$folder/$1" ] || {
      echo "$folder/$1"
      return
    }
  done
  found=$(command -v "$1") || return 1
  major=$(number_of "$found")
  [ "${major:-0}" -ge "$number" ] || return 1
  echo "$found"
}

# choose_summing: sets $summing_program, which takes the SHA-256 of its input: several times as fast as sha256sum where the processor knows SHA.
choose_summing() {
  if openssl dgst -sha256 -r </dev/null >/dev/null 2>&1; then summing_program='openssl dgst -sha256 -r'; else summing_program=sha256sum; fi
}

# literal TEXT: as SQL writes it, whatever standard_conforming_strings says.
literal() {
  case $1 in
    *[\'\\]*) printf "E'%s'" "$(printf '%s' "$1" | sed "s/\\\\/\\\\\\\\/g; s/'/''/g")" ;;
    *) printf "'%s'" "$1" ;;
  esac
}

# identifier TEXT
identifier() {
  case $1 in
    *\"*) printf '"%s"' "$(printf '%s' "$1" | sed 's/"/""/g')" ;;
    *) printf '"%s"' "$1" ;;
  esac
}

# database NAME: the connection string of a database, whose name libpq could else take for more than a name.
database() {
  case $1 in
    *[\'\\]*) printf "dbname='%s'" "$(printf '%s' "$1" | sed "s/\\\\/\\\\\\\\/g; s/'/\\\\'/g")" ;;
    *) printf "dbname='%s'" "$1" ;;
  esac
}

# sql DATABASE QUERY: its rows, fields separated by tabs; what psql says is in $why.
sql() {
  timeout "$sql_seconds" "$psql" -X -q -A -t -w -F "$tab" -v ON_ERROR_STOP=1 -d "$(database "$1")" -c "$2" 2>"$why" 9>&-
}

# alone NAME: whether no other program has this lock. What it starts and leaves running must close descriptor 9.
alone() {
  exec 9>"$jobs/$1.lock"
  flock -n 9
}

# at_end COMMAND: runs when the program ends, however it ends; the last first.
at_end() {
  ending="$1
$ending"
}
finish() {
  status=$?
  trap - EXIT
  trap '' HUP INT TERM
  eval "$ending"
  rm -rf -- "$scratch"
  exit "$status"
}

mkdir -p -- "$jobs" || exit 73
chmod 700 -- "$jobs" || exit 73
# What a program left that was killed.
for left in "$jobs/.$program".*; do
  [ ! -d "$left" ] || [ -d "/proc/${left##*.}" ] || rm -rf -- "$left"
done
scratch=$jobs/.$program.$$
rm -rf -- "$scratch"
# What is to speak up where the disk is full takes another one.
mkdir -- "$scratch" || { [ -n "${lenient:-}" ] && scratch=$(mktemp -d); } || exit 73
why=$scratch/why
: >"$why"
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
psql=$(client psql) || [ -n "${lenient:-}" ] || die 69 "there is no psql of PostgreSQL $version in $bin or PATH"
