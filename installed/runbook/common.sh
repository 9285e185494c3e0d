# shellcheck shell=sh
# What is set here is used there, and the other way round; `peer` is what the table of peers calls.
# shellcheck disable=SC2034,SC2154,SC2317
# What the scripts of pgsite's runbook share; each of them reads it first. POSIX shell, what `needed` names, /proc, and psql.
# Exit statuses: 0 done, or nothing to do; 1 not finished, the message says how far it came; 2 not understood; 3 refused, nothing was changed.

LC_ALL=C
export LC_ALL
unset CDPATH
umask 077
script=${0##*/}
tab='	'
dry=no

# What `settings` gives.
server='' number=0 user='' data='' control='' bin='' port='' passfile='' service='' sockets='' logs='' prefix='' configuration='' log='' unit='' superuser=postgres standalone=no listens=''
# shellcheck source=/dev/null
. "$here/settings"
# shellcheck source=/dev/null
. "$here/lives.sh"
# What is not there would read as "not so": config/hostPrograms.ts has the same list, with what each is for.
needed='awk cat cut env grep id mkdir mv od readlink sed sleep stat tail timeout tr'
lacking=''
for program in $needed; do
  command -v "$program" >/dev/null 2>&1 || lacking="$lacking $program"
done
if [ -n "$lacking" ] && [ "$script" != guard ]; then
  # By nothing but the shell itself.
  echo "$script: refused: this host has no$lacking: without it nobody knows what would be done. Nothing was changed" >&2
  exit 3
fi
# Its table: pgsite may replace it while this runs.
peers=$(cat "$here/peers")
operators_passfile=${PGPASSFILE-}
PGPASSFILE=$passfile
export PGPASSFILE
runbook=$control/runbook
# Where what a start says goes, and for pg_ctl, which gives it to a shell, where postgresql.conf is.
log=${log:-$control/start.log}
options=''
[ -z "$configuration" ] || options="-c \"config_file=$configuration/postgresql.conf\""

# What a server or its log says may come from anyone, and hold what a terminal obeys or does not show (ASCII's controls,
# C1, marks of direction, what has no width, in UTF-8): it is printed as ?.
unseen=$(printf 's/\302[\200-\237\255]/?/g; s/\330\234/?/g; s/\342\200[\213-\217\250-\256]/?/g; s/\342\201[\240-\257]/?/g; s/\357\273\277/?/g')
plain() { printf '%s\n' "$*" | tr '\000-\010\013-\037\177' '[?*]' | sed "$unseen"; }

say() { plain "$*"; }
warn() { plain "$script: $*" >&2; }
misunderstood() {
  warn "$* (see $script --help)"
  exit 2
}
refuse() {
  warn "refused: $*. Nothing was changed"
  exit 3
}
fail() {
  warn "$*"
  exit 1
}

# act WORDS COMMAND…: says what is done, and does it unless this is a dry run.
act() {
  words=$1
  shift
  if [ "$dry" = yes ]; then
    say "would $words"
    return 0
  fi
  say "$words"
  "$@" || fail "could not $words; what was said before was done"
}

# journal WORD NAME: what became of this server, for whoever asks later. What is done is done, also where that cannot be written.
journal() {
  [ "$dry" = no ] || return 0
  { printf '%s\t%s\t%s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1" "$2" >>"$control/roles.log"; } 2>/dev/null ||
    say "  $control/roles.log cannot be written: the history of the site will not tell of this"
}

# Everything belongs to the server's OS user, and what root made would not.
only_as_user() {
  [ "$(id -un)" = "$user" ] || refuse "this is for the OS user $user: su -s /bin/sh $user -c \"$0 …\""
  [ -r "$data/global/pg_control" ] || refuse "$data holds no data of PostgreSQL that can be read"
}

# Nobody else of pgsite's, and no second script, acts on this server until this one ends.
lock() {
  [ "$dry" = no ] || return 0
  command -v flock >/dev/null || return 0
  exec 9>>"$control/lock"
  flock -n 9 || refuse "$(cat "$control/lock.holder" 2>/dev/null || echo 'another pgsite acts on this server'): wait until it has ended"
  trap 'rm -f "$control/lock.holder"' EXIT
  trap 'exit 1' HUP INT TERM
  printf 'the runbook (%s, process %s) is at it\n' "$script" "$$" >"$control/lock.holder"
}

# Runs a program with the operator's own passfile, not the replication role's. From 16 on it gives no password in clear.
with_own_passfile() {
  PGREQUIREAUTH=${PGREQUIREAUTH-!password}
  export PGREQUIREAUTH
  if [ -n "$operators_passfile" ]; then
    PGPASSFILE=$operators_passfile "$@"
  else
    env -u PGPASSFILE "$@"
  fi
}

# --- the control file, little-endian like every machine that PostgreSQL is packaged for today ---

# recorded TYPE OFFSET BYTES: what stands there, in od's terms.
recorded() { od -A n -t "$1" -j "$2" -N "$3" "$data/global/pg_control" 2>/dev/null | tr -s ' \n' ' ' | sed 's/^ //; s/ $//'; }

system_identifier() { recorded u8 0 8; }

# 1 shut down, 2 shut down in recovery, 3 shutting down, 5 in archive recovery, 6 in production.
state() { recorded d4 16 4; }

# Where the last checkpoint is, as a number.
checkpoint() {
  # An XLogRecPtr was two halves, the high one first, until 9.2.
  if [ "$number" -ge 903 ]; then
    recorded u8 32 8
  else
    lsn_number "$(recorded x4 32 8 | tr ' ' /)"
  fi
}

# The timeline of the last checkpoint, or of a promotion since: until the next checkpoint its history file alone tells.
own_timeline() {
  timeline=$(recorded u4 "$(at_least 1100 && echo 48 || echo 56)" 4)
  case $(state) in
    1 | 3 | 6)
      for file in "$data/$(wal_folder)"/????????.history; do
        name=${file##*/}
        name=${name%.history}
        case $name in *[!0-9A-F]*) continue ;; esac
        [ $((0x$name)) -le "$timeline" ] || timeline=$((0x$name))
      done
      ;;
  esac
  echo "$timeline"
}

# The newest timeline of which it has WAL: of a standby the one that it follows.
received_timeline() {
  # Names of WAL files have nothing in them that ls would change.
  # shellcheck disable=SC2012
  newest=$(ls "$data/$(wal_folder)" | awk '/^[0-9A-F]+$/ && length($0) == 24 { t = substr($0, 1, 8); if (t > m) m = t } END { print m }')
  echo $((0x${newest:-0}))
}

wal_folder() { if at_least 1000; then echo pg_wal; else echo pg_xlog; fi; }

at_least() { [ "$number" -ge "$1" ]; }

# The script by which a standby comes to follow another: before 9.3 its data are copied anew for that.
follows_by() { if at_least 903; then echo "$runbook/repoint"; else echo "$runbook/rejoin"; fi; }

lsn_number() { echo $(((0x${1%/*} << 32) | 0x${1#*/})); }
lsn_text() { printf '%X/%X\n' $(($1 >> 32)) $(($1 & 0xFFFFFFFF)); }

# --- its processes and its log ---

# The postmaster's process; nothing where it does not run. Its working directory tells it from one that was given its old number:
# where that is not to be had, it counts as running.
postmaster() {
  [ -e "$data/postmaster.pid" ] || return 1
  read -r pid 2>/dev/null <"$data/postmaster.pid"
  case $pid in '' | *[!0-9]*) return 1 ;; esac
  # A process of somebody else's is none of this user's postmasters.
  kill -0 "$pid" 2>/dev/null || return 1
  if place=$(readlink "/proc/$pid/cwd" 2>/dev/null) && [ "$place" != "$(cd "$data" && pwd -P)" ]; then return 1; fi
  echo "$pid"
}

# Its processes: PID TITLE.
processes() {
  parent=$(postmaster) || return 0
  for stat in /proc/[0-9]*/stat; do
    IFS= read -r child <"$stat" || continue
    # PID (NAME) STATE PPID …; a name may have anything in it.
    child=${child##*) }
    child=${child#* }
    [ "${child%% *}" = "$parent" ] || continue
    stat=${stat%/stat}
    printf '%s ' "${stat#/proc/}"
    tr '\000' ' ' <"$stat/cmdline"
    echo
  done 2>/dev/null
}

# Process and position of a walreceiver that streams: PID X/Y. By the whole title: those of sessions have names in them that a
# client chose, also before it has logged in, but its address behind them.
streaming() {
  processes | sed -n 's/^\([0-9]*\) postgres: \(.*: \)*wal *receiver\( process\)* *streaming *\([0-9A-F]*\/[0-9A-F]*\) *$/\1 \4/p'
}

# How many sessions and walsenders it has: those with a client's address in their titles.
sessions() { processes | grep -Ec ' (\[local\]|[^ ]+\([0-9]+\))( |$)'; }

# The server's log, the older part first. A line that was cut off ends with its file.
log_text() {
  cat "$log" 2>/dev/null && echo
  [ -n "$logs" ] || return 0
  # shellcheck disable=SC2012
  ls -1tr "$logs" 2>/dev/null | tail -n 20 | while IFS= read -r name; do cat "$logs/$name" && echo; done
}

# heads WHO: how a message of the server's own processes (walreceiver, server) begins in its log, as a client cannot write it.
heads() {
  eval "HEAD_stderr=\$${1}_stderr HEAD_csv=\$${1}_csv HEAD_json=\$${1}_json"
  export HEAD_stderr HEAD_csv HEAD_json
  [ -n "$HEAD_stderr$HEAD_csv$HEAD_json" ]
}

# judged WHAT: what a log (standard input) says of the stream, by such messages alone: KIND<tab>LINE.
judged() { MESSAGES=$(cat "$here/messages") WANT=$1 awk -f "$here/stream.awk"; }

# sql_here STATEMENT: as its OS user may over a socket, if that is called as a superuser is and it takes queries.
sql_here() {
  [ -n "$sockets" ] && find_psql || return 1
  timeout 60 "$psql" -X -w -q -A -t -h "$sockets" -p "$port" -U "$superuser" -d postgres -c "$1" 2>/dev/null 9>&-
}

# whole_wal TIMELINE: where the WAL of that timeline ends, by its files; nothing where that cannot be told, or there is no pg_waldump.
whole_wal() {
  at_least 903 || { paged_wal "$1" && return; }
  dump=$bin/pg_waldump
  [ -x "$dump" ] || dump=$bin/pg_xlogdump
  [ -x "$dump" ] || return 0
  "$dump" -p "$data/$(wal_folder)" -t "$1" -s "$(lsn_text "$(checkpoint)")" 2>&1 |
    sed -n 's/.*error.* at \([0-9A-F]*\/[0-9A-F]*\)[^/]*$/end \1/p; s/.*lsn: \([0-9A-F]*\/[0-9A-F]*\).*/record \1/p' |
    # The error that ends it comes before what it had yet to print.
    awk '$1 == "end" { end = $2 } $1 == "record" { last = $2 } END { print (end != "" ? end : last) }'
}

# At 9.0 a walreceiver that begins anew begins at the first byte of its segment, and what was received is behind what was replayed.
if at_least 1000; then
  received_query='select pg_last_wal_receive_lsn()'
elif at_least 901; then
  received_query='select pg_last_xlog_receive_location()'
else
  received_query='select pg_last_xlog_receive_location() union all select pg_last_xlog_replay_location()'
fi
# The last of some positions.
furthest() {
  most=0
  while IFS= read -r position; do
    case $position in */*) ;; *) continue ;; esac
    [ "$(lsn_number "$position")" -le "$most" ] || most=$(lsn_number "$position")
  done
  [ "$most" = 0 ] || lsn_text "$most"
}

# How far a standby has received: its walreceiver's title, else what it answers, else the end of its WAL by its files, else as its
# log tells it in its own words.
received() {
  found=$(streaming | sed 's/.* //')
  [ -n "$found" ] || found=$(sql_here "$received_query" | furthest)
  [ -n "$found" ] || found=$(whole_wal "$(received_timeline)")
  [ -n "$found" ] || { heads server && found=$(log_text | judged position | cut -f 2); }
  case $found in
    *:*:*)
      # Until 9.2 the two numbers of its name.
      segment=${found#*:}
      segment=$(printf '%08X%08X%08X' "$(received_timeline)" "${found%%:*}" "${segment%%:*}")
      size=$(stat -c %s "$data/$(wal_folder)/$segment" 2>/dev/null) || size=16777216
      lsn_text $(((0x$(printf '%s' "$segment" | cut -c 9-16) << 32) + 0x$(printf '%s' "$segment" | cut -c 17-24) * size + ${found##*:}))
      ;;
    *:*)
      # A page of a segment, whose name has its timeline and its number in it.
      segment=${found%:*}
      size=$(stat -c %s "$data/$(wal_folder)/$segment" 2>/dev/null) || size=16777216
      high=${segment#????????}
      lsn_text $(((0x${high%????????} << 32) + 0x${high#????????} * size + ${found#*:}))
      ;;
    *) printf '%s\n' "$found" ;;
  esac
}

# How the stream from the primary ended, by the log: KIND<tab>LINE as stream.awk says it; `mute` where its log is no evidence.
stream_end() {
  if heads walreceiver; then log_text | judged stream; else echo "mute$tab"; fi
}

# --- the other servers ---

# Finds psql, and its version as a number like the server's; without one nobody can be asked.
find_psql() {
  psql=$bin/psql
  [ -x "$psql" ] || psql=$(command -v psql) || psql=''
  [ -n "$psql" ] || return 1
  # Beside it from 9.3 on.
  ready=${psql%/*}/pg_isready
  [ -x "$ready" ] || ready=''
  psql_number=$("$psql" --version 2>/dev/null 9>&- |
    awk 'NR == 1 { split($3, part, /[^0-9]+/); print part[1] * 100 + (part[1] < 10 ? part[2] : 0) }')
  psql_number=${psql_number:-0}
}

# insisting ASKING INSISTED [MODE]: a connection string with all that this psql can insist on.
insisting() {
  string="$1 connect_timeout=3 ${3:-replication=true} application_name=pgsite_runbook"
  for parameter in $2; do
    [ "$psql_number" -lt "${parameter%%:*}" ] || string="$string ${parameter#*:}"
  done
  printf '%s\n' "$string"
}

# unproven CONNINFO VERIFIED ASKS: whether the other end is not what it should be, as far as that can be told without giving it
# a password; $heard says why. psql before 16 answers whatever it is asked, and believes whoever asks for nothing.
unproven() {
  [ "$psql_number" -lt 1600 ] && [ -z "$2" ] || return 1
  case ,$3, in *,none,*) return 1 ;; esac
  bare=$1
  # From 13 on psql also shows that it is asked by SCRAM, by what it then lacks.
  [ "$psql_number" -lt 1300 ] || [ "$3" != scram-sha-256 ] || bare="$bare channel_binding=require"
  heard=$(PGPASSFILE=$control/none timeout 4 "$psql" -X -w -A -t -d "$bare" -c IDENTIFY_SYSTEM 2>&1 9>&-)
  status=$?
  case $heard in
    *'channel binding required, but SSL not in use'* | *'no password supplied'*) return 1 ;;
    *'channel binding'*) heard="it does not ask for a password by $3: it is another server" ;;
  esac
  [ "$status" != 0 ] || heard="it asks for no password: it is another server"
}

# Asks all peers at once, each for 3 s at most. One line each:
#   NAME<tab>ADDRESS:PORT<tab>told<tab>SYSTEM<tab>TIMELINE<tab>X/Y<tab>writes|recovers|unknown
#   NAME<tab>ADDRESS:PORT<tab>rejects<tab>WHY<tab>warm|   it lives, and takes nobody in: it starts, recovers, stops, or is warm
#   NAME<tab>ADDRESS:PORT<tab>recovers<tab>WHY<tab>warm|<tab>X/Y|   it is a standby, and until 9.1 says no more; how far it has received
#   NAME<tab>ADDRESS:PORT<tab>refuses<tab>WHY      it lives, and does not let this server in
#   NAME<tab>ADDRESS:PORT<tab>silent<tab>WHY       it was asked, and nobody answers
#   NAME<tab>ADDRESS:PORT<tab>unasked<tab>WHY      nothing was asked: its name leads nowhere, or nothing here can ask
# Without psql nobody can be asked more than whether he lives.
ask_all() {
  peer() { ask "$@" & }
  eval "$peers"
  wait
}

# identify CONNINFO: sets $told to SYSTEM<tab>TIMELINE<tab>X/Y, or to nothing; $heard and $status tell why.
identify() {
  # From 10 on a walsender also says whether its server recovers.
  if at_least 1000; then
    heard=$(timeout 4 "$psql" -X -w -A -t -F '|' -d "$1" -c IDENTIFY_SYSTEM -c 'SHOW transaction_read_only' 2>&1)
  else
    heard=$(timeout 4 "$psql" -X -w -A -t -F '|' -d "$1" -c IDENTIFY_SYSTEM 2>&1)
  fi
  status=$?
  told=$(printf '%s\n' "$heard" | sed -n 's/^\([0-9][0-9]*\)|\([0-9][0-9]*\)|\([0-9A-F]*\/[0-9A-F]*\)|*.*$/\1'"$tab"'\2'"$tab"'\3/p')
  if [ -z "$told" ]; then
    # 9.0 tells no position.
    told=$(printf '%s\n' "$heard" | sed -n 's/^\([0-9][0-9]*\)|\([0-9][0-9]*\)$/\1'"$tab"'\2'"$tab"'0\/0/p')
  fi
}

# rejects CONNINFO: whether a server that lives takes nobody in at present. Its words may be of any language.
rejects() {
  if [ -n "$ready" ]; then
    PGPASSFILE=$control/none timeout 4 "$ready" -q -d "$1" -t 3 >/dev/null 2>&1 9>&-
    [ "$?" = 1 ]
  else
    admits_nobody "$address" "$number_of_port"
  fi
}

# ask NAME ADDRESS PORT CONNINFO ASKING INSISTED VERIFIED ASKS WARM
ask() {
  warm=$9
  address=$2
  number_of_port=$3
  set -- "$1" "$2:$3" "$(insisting "$5" "$6")" "$7" "$8"
  told=''
  if [ -z "$psql" ]; then
    heard="there is no psql in $bin or PATH to ask it with"
    status=127
    how=unproven
  else
    unproven "$3" "$4" "$5" || identify "$3"
    how=refuses
  fi
  if [ -n "$told" ]; then
    does=unknown
    case $heard in *'
off') does=writes ;; *'
on') does=recovers ;; esac
    # Until 9.1 no standby has walsenders.
    at_least 902 || does=writes
    printf '%s\t%s\ttold\t%s\t%s\n' "$1" "$2" "$told" "$does"
    return
  fi
  why=$(printf '%s' "$heard" | tr '\n\t' '  ' | sed 's/^psql: *//; s/^error: *//; s/  */ /g; s/ $//')
  case $why in
    *FATAL*) ;;
    *'onnection refused'* | *'No route to host'* | *'unreachable'* | *'Host is down'*) how=silent ;;
    *'could not translate'*) how=unasked ;;
    # A server that is frozen is one, and so is one that hangs up; what stands before a server that is down is none.
    *'timeout expired'* | *'timed out'* | *'closed the connection unexpectedly'* | *'onnection reset'*) how=unproven ;;
    # Whatever that is, PostgreSQL it is not.
    *'received invalid response to SSL negotiation'* | *'expected authentication request'*) how=silent ;;
    *) [ "$status" != 124 ] || { how=unproven why='it does not answer within 4 s'; } ;;
  esac
  if [ "$how" = unproven ]; then
    case $(lives "$address" "$number_of_port") in
      answers) how=refuses ;;
      takes) how=refuses why="it takes connections, and does not answer ($why)" ;;
      # With psql it was asked, and most that do not answer are down.
      unknown) if [ -z "$psql" ]; then how=unasked; else how=silent; fi ;;
      *) how=silent ;;
    esac
  fi
  if [ "$how" = refuses ] && [ -n "$psql" ]; then
    if ! at_least 902 && says_recovery "$heard"; then
      how=recovers
      told=$(received_there "$1")
    elif rejects "$3"; then
      how=rejects
    fi
  fi
  printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$how" "$why" "$warm" "$told"
}

# says_recovery WORDS: whether that is how a standby turns walsenders away, which until 9.1 it has none of: said behind its proof.
says_recovery() { printf '%s\n' "$1" | judged recovers | grep -q .; }

# received_there NAME: how far a standby has received, where it lets the replication role in otherwise too.
received_there() {
  timeout 4 "$psql" -X -w -q -A -t -d "$(sql_of "$1")" -c "$received_query" 2>/dev/null 9>&- | furthest
}

# of NAME FIELD: one field of a peer's answer in $answers (2 place, 3 how, 4 system or why, 5 timeline, 6 position, 7 what it does).
of() { printf '%s\n' "$answers" | awk -F '\t' -v name="$1" -v field="$2" '$1 == name { print $field }'; }

names() { printf '%s\n' "$answers" | cut -f 1; }

# conninfo_of NAME: how this server follows it; fails where the table does not know it.
conninfo_of() {
  wanted=$1
  found=''
  peer() { [ "$1" != "$wanted" ] || found=$4; }
  eval "$peers"
  printf '%s\n' "$found"
  [ -n "$found" ]
}

# asking_of NAME: how psql asks it.
asking_of() {
  wanted=$1
  peer() { [ "$1" != "$wanted" ] || insisting "$5" "$6"; }
  eval "$peers"
}

# sql_of NAME: how psql asks it for a session of its own.
sql_of() {
  wanted=$1
  peer() { [ "$1" != "$wanted" ] || insisting "$5" "$6" dbname=postgres; }
  eval "$peers"
}

peer_names() {
  list=''
  peer() { list="$list $1"; }
  eval "$peers"
  echo "${list# }"
}

# fork_of NAME: where NAME's timeline left the one given, as a number; nothing where it does not come from it.
fork_of() {
  timeout 10 "$psql" -X -w -A -t -F '|' -d "$(asking_of "$1")" \
    -c "TIMELINE_HISTORY $(of "$1" 5)" 2>/dev/null |
    sed 's/^[0-9A-F]*\.history|//' |
    while read -r one until _; do
      [ "$one" != "$2" ] || lsn_number "$until"
    done
}

# --- the files that differ from role to role, as pgsite itself renders them ---

# The file that says whom it follows.
upstream_file() { if at_least 1200; then echo postgresql.conf; else echo recovery.conf; fi; }

# Its path for a server with these data: upstream_place FOLDER.
upstream_place() {
  if at_least 1200 && [ -n "$configuration" ]; then echo "$configuration/postgresql.conf"; else echo "$1/$(upstream_file)"; fi
}

# line CONNINFO: primary_conninfo as that file has it.
line() {
  # 9.0 reads recovery.conf with a parser of its own, in which a backslash is itself.
  if at_least 901; then escape='s/\\/\\\\/g'; else escape=''; fi
  printf "primary_conninfo = '%s'\n" "$(printf '%s\n' "$1" | sed "$escape; s/'/''/g")"
}

# with_line FOLDER LINE: prints its postgresql.conf, or the recovery.conf that a standby is to have, with this line in its place
# among the sorted ones; without a line, without any.
with_line() {
  if at_least 1200; then source=$(upstream_place "$1"); else source=$here/recovery.conf; fi
  line=$2 awk '
    function put() { if (!done && ENVIRON["line"] != "") print ENVIRON["line"]; done = 1 }
    /^[ \t]*[Pp][Rr][Ii][Mm][Aa][Rr][Yy]_[Cc][Oo][Nn][Nn][Ii][Nn][Ff][Oo][ \t=]/ { next }
    /^[A-Za-z_]/ { name = $1; sub(/=.*/, "", name); if (name > "primary_conninfo") put() }
    { print }
    END { put() }' "$source"
}

# put_file PATH: puts standard input there, whole or not at all. A file that has these bytes is left as it is.
put_file() {
  new=$1.runbook-new
  # Its mode is whatever the file has.
  { [ ! -e "$1" ] || cp -p -- "$1" "$new"; } && cat >"$new" || return 1
  if cmp -s "$new" "$1"; then
    rm -f "$new"
    return 0
  fi
  sync "$new" 2>/dev/null || sync
  mv -f "$new" "$1"
}

write_upstream() {
  text=$(with_line "$1" "$2" && echo .) || return 1
  printf '%s' "${text%.}" | put_file "$(upstream_place "$1")" || return 1
  # pg_basebackup -R and ALTER SYSTEM say it where it is read last; pgsite empties that when it first writes a server's files.
  at_least 1200 && upstream_lines "$1/postgresql.auto.conf" | grep -q . || return 0
  text=$(grep -vi "$upstream_line" "$1/postgresql.auto.conf"; echo .)
  printf '%s' "${text%.}" | put_file "$1/postgresql.auto.conf"
}

upstream_line='^[[:space:]]*primary_conninfo[[:space:]=]'
# Lines of these files that say whom a server follows: the last one counts.
upstream_lines() { cat "$@" 2>/dev/null | grep -i "$upstream_line"; }

# standby_files FOLDER CONNINFO: it is a standby of that server when it starts. What makes it one comes first.
standby_files() {
  if at_least 1200; then
    [ -e "$1/standby.signal" ] || : >"$1/standby.signal" || return 1
    rm -f "$1/recovery.signal" "$1/recovery.conf"
  fi
  write_upstream "$1" "$(line "$2")" || return 1
  rm -f "$1/recovery.done" "$1/promote" "$1/fallback_promote"
  # Left over, it would promote the server at once.
  trigger=$(trigger_file "$1")
  [ -z "$trigger" ] || rm -f "$trigger"
}

# primary_files: after the server itself has taken away what made it a standby.
primary_files() {
  if at_least 1200; then
    rm -f "$data/standby.signal"
    write_upstream "$data" ''
  else
    rm -f "$data/recovery.done"
  fi
}

# The file that promotes a standby by being there, where its files name one.
trigger_file() {
  name=trigger_file
  at_least 1200 && name=promote_trigger_file
  at_least 1600 && return 0
  escape=''
  at_least 901 && escape='s/\\\\/\\/g'
  sed -n "s/^$name = '\(.*\)'\$/\1/p" "$(upstream_place "$1")" 2>/dev/null | sed "s/''/'/g; $escape"
}

# The peer that its files tell it to follow: pgsite's own line, or whatever a hand wrote, by where that leads.
followed() {
  set -- "$(upstream_place "$data")"
  ! at_least 1200 || set -- "$1" "$data/postgresql.auto.conf"
  wanted=$(upstream_lines "$@" | tail -n 1)
  string=" $(printf '%s\n' "$wanted" | sed "s/^[^']*'//; s/'[^']*\$//; s/''/'/g")"
  there=$(conninfo_word host)
  port_there=$(conninfo_word port)
  found=''
  peer() {
    if [ "$(line "$4")" = "$wanted" ]; then
      found=$1
    elif [ -z "$found" ]; then
      # A mirror may have several to follow.
      case ,${port_there:-5432}, in *",$3,"*) case ,$there, in *",$1,"* | *",$2,"*) found=$1 ;; esac ;; esac
    fi
  }
  eval "$peers"
  echo "$found"
}

# conninfo_word NAME: that parameter of $string.
conninfo_word() { printf '%s\n' "$string" | sed -n "s/.*[[:space:]]$1[[:space:]]*=[[:space:]]*'\{0,1\}\([^'[:space:]]*\).*/\1/p"; }

is_standby() { [ -e "$data/standby.signal" ] || [ -e "$data/recovery.signal" ] || { ! at_least 1200 && [ -e "$data/recovery.conf" ]; }; }

# --- starting and stopping ---

# Waits until a command succeeds: within SECONDS COMMAND…
within() {
  end=$(($(date +%s) + $1))
  shift
  until "$@"; do
    [ "$(date +%s)" -lt "$end" ] || return 1
    sleep 0.2 2>/dev/null || sleep 1
  done
}

stops() { ! postmaster >/dev/null; }

stop_server() {
  "$bin/pg_ctl" stop -W -m fast -D "$data" >/dev/null 2>&1 9>&-
  within 90 stops
}

# A reboot may have emptied the folder that they are in (/run): below one of root's, root makes it.
make_socket_folders() {
  "$bin/postgres" -C unix_socket_directories -D "${configuration:-$data}" 2>/dev/null | tr ',' '\n' | sed 's/^[ "]*//; s/[ "]*$//' |
    while IFS= read -r folder; do
      case $folder in /*) ;; *) continue ;; esac
      [ -d "$folder" ] || (umask 022; mkdir -p -- "$folder") 2>/dev/null && continue
      say "  $folder, where the server puts its socket, is missing: as root, install -d -o $user -m 0755 $folder"
    done
}

# By systemd where that looks after it and lets us, so that it knows the server.
start_server() {
  if [ -n "$service" ] && [ -d /run/systemd/system ]; then
    sudo -n systemctl start "$service.service" 2>/dev/null 9>&- && return 0
    say "  systemd does not know of this start: as root, systemctl start $service.service after the next stop"
  fi
  make_socket_folders
  set -- "$bin/pg_ctl" start -W -D "$data" -l "$log"
  [ -z "$options" ] || set -- "$@" -o "$options"
  if command -v setsid >/dev/null; then
    setsid "$@" >/dev/null 9>&-
  else
    "$@" >/dev/null 9>&-
  fi
}

# Process of a walreceiver that streams. Its title says so with the first data, which an idle primary may not have; then its log
# does, since it had LINES lines.
receiver() {
  found=$(streaming | sed 's/ .*//')
  if [ -z "$found" ] && heads walreceiver; then
    found=$(processes | sed -n 's/^\([0-9]*\) postgres: \(.*: \)*wal *receiver\( process\)* *$/\1/p')
    [ -z "$found" ] || case $(log_text | tail -n "+$((lines + 1))" | judged stream) in open*) ;; *) found='' ;; esac
  fi
  printf '%s\n' "$found"
}

# One that streams, and did not before: the same process for a second.
streams_anew() {
  set -- "${1:-none}" "$(receiver)"
  [ -n "$2" ] && [ "$1" != "$2" ] && sleep 1 && [ "$2" = "$(receiver)" ]
}

# How its log says in its own words, since it had LINES lines, that it can never follow that server.
says_apart() {
  heads server || return 0
  log_text | tail -n "+$((lines + 1))" | judged apart | cut -f 2
}

settled() { [ -n "$(says_apart)" ] || streams_anew "$1"; }

# until_streams OLD: waits for a walreceiver that is not that process; $lines is how long its log was before.
until_streams() { within 60 settled "$1"; }
last_complaint() { log_text | tail -n "+$((lines + 1))" | grep -E 'FATAL|ERROR' | tail -n 1; }
