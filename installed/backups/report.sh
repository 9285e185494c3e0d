# shellcheck shell=sh
# What a run says at its end, however it ends: the mail, the file backup.last, the last event. Read last by `backup`.
# shellcheck disable=SC2034,SC2154

# subject of a failure, by its cause.
cause_in_words() {
  case $1 in
    server) echo 'the server does not answer' ;;
    lock) echo 'a table was locked' ;;
    space) echo 'no space' ;;
    write) echo 'a file cannot be written' ;;
    killed) echo 'a program was killed' ;;
    conflict) echo 'replay cancelled a dump' ;;
    pause) echo 'replay cannot be paused' ;;
    session) echo 'the session with the snapshot was ended' ;;
    database) echo 'a database cannot be read' ;;
    dump) echo 'pg_dump failed' ;;
    globals) echo 'pg_dumpall failed' ;;
    checksum) echo 'a file is not what was written' ;;
    unreadable) echo 'a dump cannot be read' ;;
    coverage) echo 'tables are missing' ;;
    programs) echo 'a program is missing or failed' ;;
    damaged) echo 'an older run is damaged' ;;
    copy) echo 'not copied' ;;
    remove) echo 'an old run cannot be removed' ;;
    busy) echo 'another run goes on' ;;
    *) echo 'it was ended' ;;
  esac
}

report() {
  ended_with=$status
  [ "$state" != nothing ] || return 0
  if [ "$state" = busy ]; then
    other=$(cat -- "$jobs/backup.running" 2>/dev/null)
    set_failure busy "$server" "a run goes on since ${other:-an unknown time}, so this one was not begun"
  else
    rm -f -- "$jobs/backup.running"
    if [ -f "$scratch/failure" ]; then
      { IFS= read -r cause; IFS= read -r object; IFS= read -r said; } <"$scratch/failure"
    elif [ "$state" != whole ]; then
      set_failure ended "$server" "the program was ended with status $ended_with"
    else
      cause='' object='' said=''
      # A run that is whole stays whole, whatever comes after it.
      if [ -f "$scratch/troubles" ]; then
        { IFS= read -r cause; IFS= read -r object; IFS= read -r said; } <"$scratch/troubles"
      elif [ "$ended_with" -ne 0 ]; then set_failure ended "$server" "the run is whole; the program was ended with status $ended_with before its copies were made"; fi
    fi
  fi
  finished=$(now)
  took=$((finished - start))
  [ "$took" -ge 0 ] || took=0
  if [ "$state" = whole ] && [ -z "$cause" ]; then event end "$run" good "$whole_size" "$took"
  else event failed "$cause" "$object" "$said" "$run" "$state"; fi
  [ "$state" = busy ] || remember
  [ -z "$cause" ] || printf '%s: %s: %s: %s\n' "$program" "$cause" "$object" "$said" >&2
  subject="$server: backup "
  if [ "$state" != whole ]; then subject="${subject}FAILED, $(cause_in_words "$cause")"
  elif [ -n "$cause" ]; then subject="${subject}made, but $(cause_in_words "$cause")"
  else subject="${subject}good, $(size "$whole_size") in $(span "$took")"; fi
  mail_put "$subject" "backup.${run:-none}.$start.$$" <<END
$(mail_body)
END
  mail_send || printf '%s: mail is kept until it can be sent: %s\n' "$program" "$mail_why" >&2
  # A run that ended well by itself, and failed in what came after.
  if [ -n "$cause" ] && [ "$ended_with" -eq 0 ]; then status=1; fi
}

set_failure() {
  cause=$1 object=$2 said=$3
}

# remember: what the watch and the next run read.
remember() {
  {
    printf 'run\t%s\nstate\t%s\ncause\t%s\nstart\t%s\nend\t%s\nsize\t%s\n' "$run" "$state" "$cause" "$start" "$finished" "$whole_size"
  } >"$jobs/backup.last.new" && mv -- "$jobs/backup.last.new" "$jobs/backup.last"
}

mail_body() {
  if [ "$state" != whole ]; then
    printf 'The backup of the server %s of the site %s was not made: %s.\n\n  %s: %s\n\n' "$server" "$site" "$(cause_in_words "$cause")" "$object" "$said"
    [ "$state" != partial ] || printf 'What there is of it lies in %s; it is not whole. ' "$partial"
    echo 'Older runs are as they were.'
  else
    printf 'The backup of the server %s of the site %s was made, read back, and is whole.\n' "$server" "$site"
  fi
  echo
  if [ -f "$scratch/troubles" ]; then
    echo 'What failed all the same:'
    while IFS= read -r cause_of && IFS= read -r object_of && IFS= read -r said_of; do
      printf -- '- %s: %s: %s\n' "$object_of" "$(cause_in_words "$cause_of")" "$said_of"
    done <"$scratch/troubles"
    echo
  fi
  printf 'Run:      %s\nFolder:   %s\nBegun:    %s\nEnded:    %s, after %s' "${run:-none}" "$backup_folder" "$(utc "$start")" "$(utc "$finished")" "$(span "$took")"
  compared
  if [ -f "$scratch/remarks" ]; then
    echo
    echo 'Remarks:'
    sed 's/^/- /' "$scratch/remarks"
  fi
  [ "$state" != whole ] || mail_of_run
}

# compared: with the last whole run.
compared() {
  if [ "${last:-/dev/null}" = /dev/null ]; then
    echo ' (no whole run before it)'
    [ "$state" != whole ] || printf 'Size:     %s\n' "$(size "$whole_size")"
    return
  fi
  last_numbers=$(awk -F "$tab" '$1 == "start" { start = $2 } $1 == "end" { end = $2 } $1 == "file" { all += $3 } END { printf "%d %.0f", end - start, all }' "$last")
  last_took=${last_numbers% *}
  [ "$last_took" -ge 0 ] || last_took=0
  printf ' (%s: %s)\n' "$last_run" "$(span "$last_took")"
  [ "$state" != whole ] || printf 'Size:     %s (last time %s)\n' "$(size "$whole_size")" "$(size "${last_numbers#* }")"
}

mail_of_run() {
  manifest=$backup_folder/$run/manifest
  echo
  awk -F "$tab" '
    function pretty(n,    i) { i = 1; while (n >= 1024 && i < 6) { n /= 1024; i++ } return sprintf(i == 1 || n >= 100 ? "%.0f %s" : "%.1f %s", n, unit[i]) }
    BEGIN { split("bytes kB MB GB TB PB", unit, " ") }
    FILENAME == ARGV[1] { if ($1 == "file") before[$2] = $3; next }
    $1 == "file" && $6 != "" {
      printf "%-44s %10s %6d s%s\n", $2, pretty($3), $7, $2 in before ? "   (last time " pretty(before[$2]) ")" : ""
    }' "${last:-/dev/null}" "$manifest" 2>/dev/null
  if grep -q "^unnamed$tab" "$manifest"; then
    echo
    echo 'No rule names these tables; they are in the rest:'
    awk -F "$tab" '$1 == "unnamed" && ++n <= 20 { print "- " $3 "." $4 " of database " $2 } END { if (n > 20) print "- and " n - 20 " more: see the manifest" }' "$manifest"
  fi
  for one in copied removed; do
    [ -f "$scratch/$one" ] || continue
    echo
    [ "$one" = copied ] || echo 'Too old, and removed:'
    cat -- "$scratch/$one"
  done
  echo
  newest_verified=''
  for one in "$backup_folder"/[0-9]*Z/verified; do
    [ ! -f "$one" ] || newest_verified=${one%/verified}
  done
  if [ -n "$newest_verified" ]; then echo "The newest run that a drill has restored and found equal: ${newest_verified##*/}."
  else echo 'No run here has been restored by a drill yet: none counts as verified.'; fi
}
