# shellcheck shell=sh
# Makes the dumps of a run side by side, and reads each of them back: read after server.sh by `backup`.
# shellcheck disable=SC2034,SC2154

# words FILE: what a program said, in one line.
words() { tr '\n\t' '  ' <"$1" 2>/dev/null | head -c 600 | sed 's/  */ /g; s/ $//'; }

# failed CAUSE OBJECT WORDS: the first failure of a run is the one that is told; nothing new is begun after it.
failed() {
  mkdir -- "$scratch/failing" 2>/dev/null || return 0
  { printf '%s\n%s\n%s\n' "$1" "$2" "$3" >"$scratch/failure.new" && mv -- "$scratch/failure.new" "$scratch/failure"; } 2>/dev/null ||
    printf '%s: %s: %s: %s\n' "$program" "$1" "$2" "$3" >&2
}
# What fails from now on fails because the run ends.
nothing_fails_any_more() { mkdir -- "$scratch/failing" 2>/dev/null; }
has_failed() { [ -d "$scratch/failing" ]; }

# end_processes: what runs of this program's, by the numbers that it noted.
end_processes() {
  for one in "$scratch"/pid.*; do
    [ -f "$one" ] || continue
    # shellcheck disable=SC2046
    kill $(cat -- "$one") 2>/dev/null
    rm -f -- "$one"
  done
}

# side_by_side COMMAND NUMBER: COMMAND 1 … COMMAND NUMBER, in this order, `dump_jobs` at once.
side_by_side() {
  rm -rf -- "$scratch/taken"
  mkdir -- "$scratch/taken"
  workers=''
  worker=0
  while [ "$worker" -lt "$dump_jobs" ]; do
    worker=$((worker + 1))
    (
      exec 7>&- 9>&-
      next=0
      while [ "$next" -lt "$2" ] && ! has_failed; do
        next=$((next + 1))
        mkdir -- "$scratch/taken/$next" 2>/dev/null || continue
        "$1" "$next"
      done
    ) &
    echo $! >"$scratch/pid.worker.$worker"
    workers="$workers $!"
  done
  for worker in $workers; do wait "$worker"; done
  rm -f -- "$scratch"/pid.worker.*
}

# dump NUMBER: one of the queue. What pg_dump writes goes to the disk and into its checksum at once: the checksum is of what it
# wrote, not of what the disk gives back.
dump() {
  number_of_dump=$1
  # Sets database, named, kind, path and the arguments.
  # shellcheck source=/dev/null
  . "$scratch/dump.$1"
  if [ "$kind" = whole ]; then
    whole_session "$number_of_dump" || return
    session_of=w$number_of_dump
  else
    session_of=$(awk -F "$tab" -v of="$named" '$1 == of { print "d" NR; exit }' "$scratch/ruled")
  fi
  [ "$one_moment" = no ] || set -- "$@" "--snapshot=$(cat -- "$scratch/snapshot.$session_of")"
  event dump "$path"
  began=$(date -u +%s)
  pipe=$scratch/pipe.$number_of_dump
  mkfifo -- "$pipe" "$pipe.sum" || { failed space "$path" 'no fifo can be made in the control directory'; return; }
  $summing_program <"$pipe.sum" >"$scratch/sum.$number_of_dump" 2>/dev/null &
  summing=$!
  into=$pipe
  slowing=''
  if [ -n "$rate" ]; then
    into=$pipe.fast
    mkfifo -- "$into"
    pv -q -L "$rate" <"$into" >"$pipe" 2>/dev/null &
    slowing=$!
  fi
  # shellcheck disable=SC2086
  tee $tee_options -- "$pipe.sum" <"$pipe" >"$partial/$path" 2>"$scratch/tee.$number_of_dump" &
  writing=$!
  # By the environment, since a name that has a = would be taken for a connection string.
  # shellcheck disable=SC2086
  PGDATABASE=$database $nicely "$pg_dump" -w -Fc ${compression:+"-Z$compression"} "--lock-wait-timeout=$((lock_wait * 1000))" "$@" >"$into" 2>"$scratch/said.$number_of_dump" &
  dumping=$!
  echo "$dumping $slowing $writing $summing" >"$scratch/pid.dump.$number_of_dump"
  wait "$dumping"
  dumped=$?
  [ -z "$slowing" ] || wait "$slowing" || dumped=1
  wait "$writing"
  written=$?
  # It waits for a writer that may never have come.
  [ "$written" -eq 0 ] || kill "$summing" 2>/dev/null
  wait "$summing"
  summed=$?
  rm -f -- "$scratch/pid.dump.$number_of_dump" "$pipe" "$pipe.sum" "$pipe.fast"
  if ! has_failed && { [ "$dumped" -ne 0 ] || [ "$written" -ne 0 ]; }; then why_not "$number_of_dump"; fi
  [ "$kind" != whole ] || close_session "$session_of"
  ! has_failed || return
  sum=$(cut -c 1-64 "$scratch/sum.$number_of_dump")
  if [ "$summed" -ne 0 ] || [ "${#sum}" -ne 64 ]; then
    failed programs "$path" "$summing_program ended with status $summed"
    return
  fi
  bytes=$(stat -c %s -- "$partial/$path")
  printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$path" "$bytes" "$sum" "$kind" "$named" "$(($(date -u +%s) - began))" >"$scratch/made.$number_of_dump"
  event dumped "$path" "$bytes" "$(($(date -u +%s) - began))"
}

# whole_session NUMBER: of a database without rules, for as long as its dump is made.
whole_session() {
  listing "w$1" '' | open_session "w$1" "$database"
  await_session "w$1" "$((lock_wait + 60))" && return
  lost_session "w$1" "$named"
  close_session "w$1"
  return 1
}

# lost_session ID DATABASE: why a session did not come to be ready.
lost_session() {
  if ! server_is_the_same; then failed server "$2" "the server has stopped, or does not answer: $(words "$scratch/err.$1")"
  elif held=$(holder); then failed lock "$2" "$held, for more than $lock_wait s"
  else failed database "$2" "it cannot be read: $(words "$scratch/err.$1")"; fi
}

# lost_snapshot DATABASE
lost_snapshot() {
  failed session "$1" 'the session that holds its snapshot and the locks on its tables was ended by somebody'
}

# Whether it answers, and has run all the time.
server_is_the_same() {
  same=$(sql "$maintenance" 'select extract(epoch from pg_postmaster_start_time())') && [ "$same" = "$started" ]
}

# why_not NUMBER: the cause of a dump's failure, by what is there, not by what programs say.
why_not() {
  # A failure that cannot be told because the disk is full is told all the same.
  if [ "$written" -ne 0 ]; then
    if [ "$written" -gt 128 ]; then failed killed "$path" "tee was ended by signal $((written - 128))"
    elif no_room; then failed space "$path" "the disk of $backup_folder is full: $(words "$scratch/tee.$1")"
    else failed write "$path" "it cannot be written: $(words "$scratch/tee.$1")"; fi
  elif [ "$dumped" -gt 128 ]; then
    failed killed "$path" "pg_dump was ended by signal $((dumped - 128))"
  elif ! server_is_the_same; then
    failed server "$path" "the server has stopped, or does not answer: $(words "$scratch/said.$1")"
  elif [ "$recovering" = t ] && cancelled; then
    failed conflict "$path" "replay on this standby needed what the dump was reading, and cancelled it: $(words "$scratch/said.$1")"
  elif held=$(holder); then
    failed lock "$path" "$held, for more than $lock_wait s"
  elif ! session_lives "$session_of"; then
    lost_snapshot "$named"
  else
    failed dump "$path" "pg_dump ended with status $dumped: $(words "$scratch/said.$1")"
  fi
}

# no_room: whether less is free than a file needs to grow.
no_room() {
  free=$(df -Pk -- "$backup_folder" 2>/dev/null | awk 'NR > 1 { print $(NF - 2) }')
  [ "${free:-0}" -lt 64 ]
}

# cancelled: whether replay has cancelled a query since the run began. Until 14 a statistic comes half a second late.
cancelled() {
  for pause in 0 1 1; do
    sleep "$pause"
    [ "$(conflicts)" = "$conflicts_before" ] || return 0
  done
  return 1
}

# check NUMBER: a dump is read to its end, from the disk if the system lets go of what it remembers.
check() {
  read_made "$1"
  if [ -n "$forgetting" ]; then
    dd of="$partial/$path" oflag=nocache conv=notrunc,fdatasync count=0 2>/dev/null
  fi
  read_sum=$($summing_program <"$partial/$path" 2>"$scratch/said.$1" | cut -c 1-64)
  if [ "$read_sum" != "$sum" ]; then
    failed checksum "$path" "what lies on the disk is not what pg_dump wrote $(words "$scratch/said.$1")"
    return
  fi
  "$pg_restore" -l "$partial/$path" >"$scratch/list.$1" 2>"$scratch/said.$1" || {
    failed unreadable "$path" "pg_restore cannot list it: $(words "$scratch/said.$1")"
    return
  }
  if [ "$kind" = frame ]; then
    # It has no data: its list is all of it.
    : >"$scratch/counts.$1"
  else
    # shellcheck disable=SC2086
    {
      "$pg_restore" $data_alone $to_output "$partial/$path" 2>"$scratch/said.$1"
      echo $? >"$scratch/status.$1"
    } | awk -f "$here/rows.awk" >"$scratch/counts.$1"
    if [ "$(cat -- "$scratch/status.$1")" != 0 ]; then
      failed unreadable "$path" "pg_restore cannot read it: $(words "$scratch/said.$1")"
      return
    fi
  fi
  event checked "$path"
}

# read_made NUMBER
read_made() {
  IFS=$tab read -r path bytes sum kind named seconds <"$scratch/made.$1"
}

# programs_of_postgresql: pg_dump, pg_dumpall, pg_restore, and what their version knows.
programs_of_postgresql() {
  for one in pg_dump pg_dumpall pg_restore; do
    found=$(client "$one") || {
      failed programs "$one" "there is no $one of PostgreSQL $version in $bin or PATH"
      return 1
    }
    eval "$one=\$found"
  done
  dumper_version=$("$pg_dump" --version | awk '{ for (i = 1; i <= NF; i++) if ($i ~ /^[0-9]/) { print $i; exit } }')
  dumper=$(number_of "$pg_dump")
  if [ "$dumper" -ge 1200 ]; then to_output='-f -'; else to_output=''; fi
  if [ "$dumper" -ge 902 ]; then data_alone='--section=data'; else data_alone='-a'; fi
}
