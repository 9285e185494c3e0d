# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154,SC2317
# What the watch looks at. Each part says `looked PART 1` once it has looked; what it could not see, `cannot_look PART WHY`.

nl='
'
# fact NAME OBJECT VALUE
fact() { printf '%s\t%s\t%s\n' "$1" "$2" "$3" >&3; }
looked() { for part; do fact looked "$part" 1; done; }
cannot_look() {
  fact unseen "$1" 1
  fact detail.unseen "$1" "$2"
}
# in_line TEXT…: as one line of some length, without what a terminal would obey.
in_line() { printf '%s' "$*" | tr '\000-\037\177' ' ' | cut -c 1-300; }

# epoch YEAR MONTH DAY HOUR MINUTE SECOND, in UTC: sets $epoch. Leading zeros are none of an octal number.
epoch() {
  y=$1 m=${2#0} d=${3#0} H=${4#0} M=${5#0} S=${6#0}
  [ "$m" -gt 2 ] || { y=$((y - 1)) m=$((m + 12)); }
  epoch=$(((365 * y + y / 4 - y / 100 + y / 400 + (153 * (m - 3) + 2) / 5 + d - 719469) * 86400 + H * 3600 + M * 60 + S))
}

# Its postmaster's process in $pid. The folder that it works in tells it from one that was given its old number.
alive() {
  pid=''
  { read -r pid <"$data/postmaster.pid"; } 2>/dev/null
  case $pid in '' | *[!0-9]*) return 1 ;; esac
  kill -0 "$pid" 2>/dev/null || return 1
  # shellcheck disable=SC3013
  [ ! -e "/proc/$pid/cwd" ] || [ "/proc/$pid/cwd" -ef "$data" ]
}

# What its processes call themselves, a line each.
titles() {
  children=''
  { read -r children <"/proc/$pid/task/$pid/children"; } 2>/dev/null
  [ -n "$children" ] || children=$(grep -ls "^PPid:${tab}$pid\$" /proc/[0-9]*/status | tr -cs '0-9\n' ' ')
  set --
  for child in $children; do
    [ ! -r "/proc/$child/cmdline" ] || set -- "$@" "/proc/$child/cmdline"
  done
  [ $# -gt 0 ] || return 1
  cat "$@" 2>/dev/null | tr -s '\000' '\n'
}

# Whether a walreceiver lives, and how far it and the replay are, where they say so.
look_at_titles() {
  titles >"$scratch/titles" || {
    cannot_look stream "its processes cannot be read in /proc"
    return 1
  }
  receives=0 received='' replayed=''
  while IFS= read -r title; do
    case $title in
      *'wal receiver'* | *walreceiver*)
        receives=1
        title=${title% }
        case $title in *streaming*) received=${title##* } ;; esac
        ;;
      *startup*recovering*) replayed=${title##*recovering } replayed=${replayed%% *} ;;
      # From 13 on, where it has replayed all that there is.
      *startup*'waiting for '*) replayed=${title##*waiting for } replayed=${replayed%% *} ;;
    esac
  done <"$scratch/titles"
  fact receives '' "$receives"
}

# Before 9.1 no view tells of walsenders. Their titles do, by where a standby comes from: over loopback that is 127.0.0.1, whatever
# its own address there. What a client chose of a title stands before that, and never at its end.
look_at_senders() {
  { alive && titles >"$scratch/titles"; } || {
    cannot_look replication "its processes cannot be read in /proc"
    return
  }
  looked replication
  while IFS="$tab" read -r _ called _ address; do
    while IFS= read -r title; do
      case $title in 'postgres: wal sender process '*) ;; *) continue ;; esac
      while [ "$title" != "${title% }" ]; do title=${title% }; done
      case ${title##* } in */*) ;; *) continue ;; esac
      title=${title% *}
      [ "${title##* }" = streaming ] || continue
      title=${title% *}
      from=${title##* }
      from=${from%(*}
      case $from,$address in "$address,$from" | 127.0.0.1,127.*) fact sender "$called" streaming ;; esac
    done <"$scratch/titles"
  done <"$here/standbys"
}

# A warm standby answers nobody: its processes tell what there is to know.
look_at_warm() {
  looked server replication slots sessions age archiver
  recovers=yes
  fact answers '' 1
  fact recovery '' 1
  look_at_titles || return
  looked stream
  case $replayed in *[!0-9A-F]* | '') return ;; esac
  [ ${#replayed} = 24 ] || return
  # It is at some place of that segment; a position has a segment's number in its upper digits.
  segment=$(stat -c %s "$data/$wal/$replayed" 2>/dev/null) || segment=16777216
  low=${replayed#????????}
  start=$(((0x${low%????????} << 32) + 0x${low#????????} * segment))
  fact replay '' "$start"
  case $received in
    */*)
      behind=$(((0x${received%/*} << 32 | 0x${received#*/}) - start - segment))
      [ "$behind" -gt 0 ] || behind=0
      fact behind '' "$behind"
      ;;
    *) fact behind '' 0 ;;
  esac
}

# ready CONNINFO: 0 it takes connections, 1 it takes nobody in, 2 nobody answers, 3 or more: not known.
ready() {
  [ -n "$isready" ] || return 9
  PGOPTIONS='' PGPASSFILE=$control/none "$isready" -q -t 5 -d "$1" >/dev/null 2>&1 3>&- 9>&-
}

# Of any version.
find_ready() {
  isready=$(client pg_isready) || isready=$(command -v pg_isready) || isready=''
}

look_at_server() {
  recovers=''
  wal=pg_wal
  [ "$number" -ge 1000 ] || wal=pg_xlog
  if [ "$watch_hot" = no ] && alive && [ "$(od -A n -t d4 -j 16 -N 4 "$data/global/pg_control" 2>/dev/null | tr -d ' ')" = 5 ]; then
    look_at_warm
    return
  fi
  if [ -z "$psql" ]; then
    cannot_look SQL "there is no psql of PostgreSQL $version in $bin or PATH"
    look_without_sql
    return
  fi
  ask_server || { sleep "$patience" && alive && ask_server; } || {
    look_without_sql
    return
  }
  printf '%s\n' "$rows" >&3
  for part in ${watch_senders:+replication} stream slots sessions age archiver; do
    row looked "$part" 1 || cannot_look "$part" "$(in_line "$(cat "$why")")"
  done
  [ -n "$watch_senders" ] || look_at_senders
  # Until 9.5 no view tells of the walreceiver.
  recovers=no
  ! row recovery '' 1 || recovers=yes
  if [ "$recovers" = yes ] && [ "$number" -lt 906 ] && alive; then look_at_titles; fi
  if row paused '' 1 && ! flock -n "$jobs/backup.lock" true 2>/dev/null 9>&-; then
    # Our own backup pauses replay while it runs.
    fact paused '' 0
  fi
  if row archives '' 1; then
    set -- "$data/$wal/archive_status"/*.ready
    if [ -e "$1" ]; then fact archiver.waiting '' $#; else fact archiver.waiting '' 0; fi
  fi
}

# row NAME OBJECT VALUE: whether the server said so.
row() { case $nl$rows$nl in *"$nl$1$tab$2$tab$3$nl"*) return 0 ;; *) return 1 ;; esac; }

# ask_server: all sections by one connection; succeeds if it answers.
ask_server() {
  rows=$(PGOPTIONS="$PGOPTIONS $probe_options" timeout 90 "$psql" -X -q -A -t -w -F "$tab" -d postgres \
    <"$here/probe.sql" 2>"$why" 3>&- 9>&-)
  row answers '' 1
}

# Why it does not answer, as far as the host and pg_isready tell.
look_without_sql() {
  if ! alive; then
    looked server
    fact answers '' 0
    fact detail.silent '' 'no process of it runs'
    return
  fi
  ready dbname=postgres
  case $? in
    0) if [ -n "$psql" ]; then set -- 0 "its process runs, and the watch gets no answer: $(in_line "$(cat "$why")")"; else set -- 1 ''; fi ;;
    1) set -- 0 'it runs, and takes nobody in: it starts, recovers or stops' ;;
    2) set -- 0 'its process runs, and does not answer' ;;
    # Nothing here can ask it: that its process lives is no answer.
    *) if [ -n "$psql" ]; then set -- 0 "its process runs: $(in_line "$(cat "$why")")"; else return; fi ;;
  esac
  looked server
  fact answers '' "$1"
  [ -z "$2" ] || fact detail.silent '' "$2"
}

# All at once; `wait` is the caller's.
look_at_peers() {
  find_ready
  peer() { ask_peer "$@" & }
  # shellcheck source=/dev/null
  . "$here/peers"
  looked peers
}

# ask_peer NAME ADDRESS PORT CONNINFO WARM
ask_peer() {
  try_peer "$@" || { sleep "$patience" && try_peer "$@"; }
  [ "$answer" != away ] || reached "$2" "$3"
  fact peer "$1" "$answer"
  case $answer in
    silent | busy) [ -z "$words" ] || fact detail.peerSilent "$1" "$words" ;;
    host) [ -z "$words" ] || fact detail.peerHost "$1" "$words" ;;
    unknown) cannot_look "server $1" "${words:-nothing here can ask it}" ;;
  esac
}

# Sets $answer to ok, busy, away (it does not answer) or unknown, and $words; succeeds where nothing is wrong.
try_peer() {
  words=''
  ready "$4"
  case $? in
    0) answer=ok ;;
    1) if [ "$5" = warm ]; then answer=ok; else answer=busy; fi ;;
    2) answer=away ;;
    # Before 9.3 there is no pg_isready.
    *)
      case $(lives "$2" "$3") in
        answers) if [ "$5" != warm ] && admits_nobody "$2" "$3"; then answer=busy; else answer=ok; fi ;;
        unknown) answer=unknown words='this host has neither pg_isready nor bash' ;;
        *) answer=away ;;
      esac
      ;;
  esac
  [ "$answer" = ok ]
}

# reached ADDRESS PORT: $answer becomes silent, host or unknown.
reached() {
  words=$(reach "$1" "$2")
  answer=${words%% *}
  words=${words#* }
}

# reach ADDRESS PORT: `silent WORDS` where the host takes or refuses connections, `host WORDS` where nothing comes from it. The
# words are the C library's, in the C locale.
reach() {
  if command -v bash >/dev/null 2>&1; then
    # shellcheck disable=SC2016
    met=$(timeout 6 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>&1 3>&- 9>&-)
    status=$?
  elif [ -n "$psql" ]; then
    met=$(PGPASSFILE=$control/none timeout 8 "$psql" -X -w -d "host=$1 port=$2 user=none connect_timeout=6" -c '' 2>&1 3>&- 9>&-)
    status=$?
    case $met in *'timeout expired'*) status=124 ;; esac
  else
    echo unknown 'this host has neither bash nor psql'
    return
  fi
  case $status,$met in
    0,*) echo silent "port $2 takes connections, and nobody answers" ;;
    *'onnection refused'* | *'onnection reset'*) echo silent "port $2 is closed" ;;
    *'No route to host'* | *'unreachable'* | *'Host is down'* | *'timed out'* | 124,*) echo host "nothing comes back from $1" ;;
    *) echo unknown "$(in_line "$met")" ;;
  esac
}

look_at_disks() {
  set -- "$data" "$control" "$jobs"
  for path in "$data/$wal" "$data"/pg_tblspc/* "$watch_logs"; do [ ! -d "$path" ] || set -- "$@" "$path/."; done
  while IFS="$tab" read -r _ folder _; do [ ! -d "$folder" ] || set -- "$@" "$folder/."; done <"$here/places"
  timeout 30 df -P -k -- "$@" >"$scratch/df" 2>"$why" 3>&- 9>&- || cannot_look disks "$(in_line "$(cat "$why")")"
  # Each once; in a line of df only what stands between blanks is sure.
  awk -v growth="${watch_growth:-0}" 'NR > 1 && match($0, / +[0-9]+ +[0-9]+ +-?[0-9]+ +([0-9]+%|-) +/) {
    mount = substr($0, RSTART + RLENGTH)
    split(substr($0, RSTART, RLENGTH), field, " ")
    gsub(/\t/, " ", mount)
    if (mount in seen) next
    seen[mount] = 1
    free = field[3] < 0 ? 0 : field[3]
    printf "disk.size\t%s\t%.0f\ndisk.free\t%s\t%.0f\n", mount, (field[2] + free) * 1024, mount, free * 1024
    # The data directory was named first.
    if (NR == 2 && growth > 0) printf "disk.days\t%s\t%.0f\n", mount, int(free * 1024 / growth)
    printf "detail.disk\t%s\tof %.1f GB\n", mount, (field[2] + free) / 1048576
    found = 1
  } END { if (found) print "looked\tdisks\t1" }' "$scratch/df" >&3
}

# Of each place the newest whole run, the newest verified one, and when that was drilled: by names and one line of a file.
look_at_backups() {
  known=1
  while IFS="$tab" read -r name folder when; do
    case $when,$recovers in
      always,* | primary,no | standby,yes) ;;
      # Others make them, or bring none; or nobody knows who does.
      *)
        case $recovers in yes | no) ;; *) known='' ;; esac
        continue
        ;;
    esac
    whole=0 verified=0 drilled=0
    for run in "$folder"/[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]T[0-9][0-9][0-9][0-9][0-9][0-9]Z; do
      [ -d "$run" ] || continue
      base=${run##*/} clock=${run##*T}
      year=${base%????T*} rest=${base#????} rest=${rest%T*} clock=${clock%Z}
      hour=${clock%????} minute=${clock#??}
      epoch "$year" "${rest%??}" "${rest#??}" "$hour" "${minute%??}" "${clock#????}"
      whole=$epoch
      [ -e "$run/verified" ] || continue
      verified=$epoch
      at=''
      while IFS="$tab" read -r word text; do [ "$word" != time ] || at=$text; done <"$run/verified"
      case $at in '' | *[!0-9]*) at=$epoch ;; esac
      [ "$at" -le "$drilled" ] || drilled=$at
    done
    fact backup.time "$name" "$whole"
    fact verified.time "$name" "$verified"
    fact drill.time "$name" "$drilled"
  done <"$here/places"
  [ -z "$known" ] || looked backups
}

look_at_certificate() {
  if [ -z "$watch_certificate" ]; then
    looked certificate
    return
  fi
  # What openssl said of it, as long as the file is not newer.
  cache=$jobs/watch.certificate
  end=''
  # shellcheck disable=SC3013
  if [ "$cache" -nt "$watch_certificate" ]; then read -r end <"$cache"; fi
  if [ -z "$end" ] && [ -r "$watch_certificate" ] && command -v openssl >/dev/null 2>&1; then
    # notAfter=Nov  9 11:02:00 2027 GMT
    said=$(openssl x509 -noout -enddate -in "$watch_certificate" 2>"$why" 3>&- 9>&-)
    # shellcheck disable=SC2086
    set -- ${said#notAfter=}
    case ${4:-} in
      [0-9][0-9][0-9][0-9])
        months=JanFebMarAprMayJunJulAugSepOctNovDec months=${months%%"$1"*}
        hour=${3%%:*} minute=${3#*:}
        epoch "$4" $((${#months} / 3 + 1)) "$2" "$hour" "${minute%:*}" "${3##*:}"
        end=$epoch
        [ -n "$dry" ] || { echo "$end" >"$cache"; } 2>/dev/null
        ;;
    esac
  fi
  : "${end:=$watch_certificate_end}"
  if [ -n "$end" ]; then
    looked certificate
    fact certificate.end '' "$end"
    fact detail.certificate '' "$watch_certificate"
  elif [ ! -r "$watch_certificate" ]; then
    cannot_look certificate "$watch_certificate cannot be read"
  else
    cannot_look certificate "there is no openssl that can read $watch_certificate: $(in_line "$(cat "$why")")"
  fi
}

# Counts what the log has got since the last look.
look_at_log() {
  if [ -n "$watch_log_unseen" ]; then
    cannot_look log "$watch_log_unseen"
    return
  fi
  set --
  case $watch_log_format in
    csv) for path in "$watch_logs"/*.csv; do [ ! -f "$path" ] || set -- "$@" "$path"; done ;;
    json) for path in "$watch_logs"/*.json; do [ ! -f "$path" ] || set -- "$@" "$path"; done ;;
    *)
      for path in ${watch_logs:+"$watch_logs"/*}; do
        case $path in *.csv | *.json | *.gz) continue ;; esac
        [ ! -f "$path" ] || set -- "$@" "$path"
      done
      [ ! -f "$watch_log" ] || set -- "$@" "$watch_log"
      ;;
  esac
  if [ $# = 0 ]; then
    cannot_look log "there is no log in ${watch_logs:-$watch_log}"
    return
  fi
  stat -c "%i$tab%s$tab%n" -- "$@" >"$scratch/logs" 2>"$why"
  # INODE SIZE PATH of all, and how far each was read: what is new in which.
  awk -F '\t' 'FILENAME == ENVIRON["before"] { if ($1 == "keep") { split($3, k, " "); inode[$2] = k[1]; offset[$2] = k[2]; path_of[k[1]] = $2 }
      if ($1 == "last") known = 1
      next }
    { i[++n] = $1; s[n] = $2; p[n] = $3; of[$3] = $1 }
    END { for (j = 1; j <= n; j++) {
      o = 0
      if (!known) o = s[j]
      else if (inode[p[j]] == i[j]) o = offset[p[j]]
      # It was given another name.
      else if (i[j] in path_of && of[path_of[i[j]]] != i[j]) o = offset[path_of[i[j]]]
      if (o + 0 > s[j] + 0) o = 0
      print (s[j] + 0 > o + 0 ? "read" : "same"), o, s[j], i[j], p[j] } }' OFS='\t' "$before" "$scratch/logs" >"$scratch/parts"
  left=67108864
  while IFS="$tab" read -r what start size inode path; do
    fact keep "$path" "$inode $size"
    [ "$what" = read ] || continue
    length=$((size - start))
    if [ "$length" -gt "$left" ]; then
      cannot_look 'all of its log' "$path has grown by $length bytes: the last $left of them were read"
      start=$((size - left)) length=$left
    fi
    left=$((left - length))
    tail -c "+$((start + 1))" -- "$path" 2>/dev/null 3>&- | head -c "$length"
  done <"$scratch/parts" >"$scratch/new"
  if [ -s "$scratch/new" ]; then
    awk -f "$here/log.awk" format="$watch_log_format" "$scratch/new" >&3
  else
    printf 'log.PANIC\t\t0\nlog.FATAL\t\t0\nlog.ERROR\t\t0\nlooked\tlog\t1\n' >&3
  fi
}
