# shellcheck shell=sh
# Copies of runs in other places, their checks and what goes: read after folders.sh by `backup`. What is done in a place is a
# script that its shell reads, here or there: POSIX, with find, sha256sum, sync.
# shellcheck disable=SC2015,SC2016,SC2034,SC2154

# word TEXT: one word of a shell.
word() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }

# place NUMBER: sets place, remote (- here), folder_there, foreign, ssh_port, ssh_key of that line of `places`. Status 1: no such.
place() {
  line=$(grep "^place$tab" "$here/places" | sed -n "${1}p")
  [ -n "$line" ] || return 1
  IFS=$tab read -r _ place remote folder_there foreign ssh_port ssh_key <<END
$line
END
  folder_there=$(unescaped "$folder_there")
  ssh_key=$(unescaped "$ssh_key")
  # Dead peers are noticed, and nobody is asked for anything.
  ssh_command='ssh -o BatchMode=yes -o ConnectTimeout=20 -o ServerAliveInterval=15 -o ServerAliveCountMax=4'
  [ "${ssh_port:--}" = - ] || ssh_command="$ssh_command -p $ssh_port"
  [ "${ssh_key:--}" = - ] || ssh_command="$ssh_command -i $(word "$ssh_key")"
}

# there <SCRIPT: runs it in the place, in the folder's name `folder`.
there() {
  {
    printf 'umask 077\nLC_ALL=C\nexport LC_ALL\nfolder=%s\n' "$(word "$folder_there")"
    cat
  } >"$scratch/there"
  if [ "$remote" = - ]; then sh -s <"$scratch/there" 2>"$why" 7>&- 9>&-
  else eval "$ssh_command -- $(word "$remote") sh -s" <"$scratch/there" 2>"$why" 7>&- 9>&-; fi
}

# runs_there: RUN STATE VERIFIED MANIFEST_SUM of the place, tab-separated, on standard output.
runs_there() {
  there <<'END'
[ -d "$folder" ] || exit 0
cd -- "$folder" || exit 1
for one in [0-9]*Z [0-9]*Z.partial [0-9]*Z.damaged; do
  [ -d "$one" ] || continue
  state=whole
  case $one in *.partial) state=partial ;; *.damaged) state=damaged ;; esac
  run=${one%.*}
  case $run in [0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]T[0-9][0-9][0-9][0-9][0-9][0-9]Z) ;; *) continue ;; esac
  verified=0
  [ ! -f "$one/verified" ] || verified=1
  sum=-
  [ ! -f "$one/manifest" ] || sum=$(sha256sum <"$one/manifest") || exit 1
  # A folder by a run's name that has no manifest is none of a whole run.
  [ "$state" != whole ] || [ "$sum" != - ] || state=partial
  printf '%s\t%s\t%s\t%s\t%s\n' "$run" "$state" "$verified" "${sum%% *}" "$one"
done
END
}

# sums_there NAME: SUM FILE of each file of that folder in the place.
sums_there() {
  { printf 'name=%s\n' "$(word "$1")"; cat <<'END'
cd -- "$folder/$name" || exit 1
if openssl dgst -sha256 -r </dev/null >/dev/null 2>&1; then find . -type f ! -name verified -exec openssl dgst -sha256 -r {} +
else find . -type f ! -name verified -exec sha256sum {} +; fi
END
  } | there
}

# compare_sums MANIFEST <SUMS: one line a file that is not as the manifest says. Status 1: there are such.
compare_sums() {
  sed 's,^\([0-9a-f]*\) [ *]\./,\1'"$tab"',' | awk -F "$tab" -v foreign="$foreign" '
    FILENAME == ARGV[1] { if ($1 == "file") { sum[$2] = $4; kind[$2] = $5; files[++n] = $2 } next }
    { found[$2] = $1 }
    END {
      for (i = 1; i <= n; i++) {
        path = files[i]
        if (foreign == "foreign" && (kind[path] == "globals" || kind[path] == "configuration")) continue
        if (!(path in found)) { print "missing " path; bad = 1 }
        else if (found[path] != sum[path]) { print "changed " path; bad = 1 }
      }
      exit bad
    }' "$1" -
}

# damaged_there NAME DIFFERENCES: says so, and gives it that name.
damaged_there() {
  trouble damaged "$place $1" "its files are no longer as they were written: $(printf '%s' "$2" | tr '\n' ' ')"
  { printf 'name=%s\n' "$(word "$1")"; cat <<'END'
cd -- "$folder" && mv -- "$name" "$name.damaged"
END
  } | there || trouble damaged "$place $1" "it cannot be renamed: $(words "$why")"
}

# recheck NAME: an older whole run of the place is read once more. What a disk loses is found by the next run at the latest.
recheck() {
  { printf 'name=%s\n' "$(word "$1")"; cat <<'END'
cat -- "$folder/$name/manifest"
END
  } | there >"$scratch/manifest.there" && sums_there "$1" >"$scratch/sums" || {
    trouble copy "$place $1" "it cannot be read: $(words "$why")"
    return
  }
  differences=$(compare_sums "$scratch/manifest.there" <"$scratch/sums") || damaged_there "$1" "$differences"
}

own_place() {
  place='this server' remote=- folder_there=$backup_folder foreign=own ssh_command=''
}

recheck_own() {
  [ -n "$last_run" ] || return 0
  own_place
  recheck "$last_run"
}

# prune: what is too old in the place goes.
prune() {
  runs_there >"$scratch/runs" || {
    trouble copy "$place" "its runs cannot be listed: $(words "$why")"
    return
  }
  # A folder goes by another name first: cut off, it is no whole run.
  cut -f 1-3 "$scratch/runs" | awk -v last="$keep_last" -v daily="$keep_daily" -v weekly="$keep_weekly" -v monthly="$keep_monthly" -v made="$run" \
    -f "$here/retention.awk" | while IFS= read -r one; do
    awk -F "$tab" -v run="$one" '$1 == run { print $5 }' "$scratch/runs" | while IFS= read -r name; do
      { printf 'name=%s\n' "$(word "$name")"; cat <<'END'
cd -- "$folder" || exit 1
case $name in
  *.partial | *.damaged) ;;
  *)
    # Whoever restores it holds its manifest.
    if command -v flock >/dev/null 2>&1 && [ -e "$name/manifest" ]; then flock -n -x "$name/manifest" true || exit 75; fi
    rm -rf -- "$name.partial" && mv -- "$name" "$name.partial" && name=$name.partial || exit 1
    ;;
esac
rm -rf -- "$name"
END
      } | there
      case $? in
        0) event removed "$place" "$name"; echo "$place: $name" >>"$scratch/removed" ;;
        75) remark "$place: $name is being restored, so it stays until the next run." ;;
        *) trouble remove "$place $name" "it cannot be removed: $(words "$why")" ;;
      esac
    done
  done
}

prune_own() {
  own_place
  prune
}

copy_to_places() {
  here_runs=$scratch/runs.own
  own_place
  runs_there >"$here_runs"
  number_of_place=0
  while number_of_place=$((number_of_place + 1)) && place "$number_of_place"; do
    copies_to_place
  done
}

# copies_to_place: the newest run, and those that the place has missed since its own newest one.
copies_to_place() {
  runs_there >"$scratch/runs.there" || {
    trouble copy "$place" "it does not answer: $(words "$why")"
    return
  }
  newest_there=$(awk -F "$tab" '$2 == "whole" { print $1 }' "$scratch/runs.there" | sort | tail -n 1)
  # First what is there: one that is found damaged is copied again.
  if [ -n "$newest_there" ]; then
    recheck "$newest_there"
    runs_there >"$scratch/runs.there" || return
    newest_there=$(awk -F "$tab" '$2 == "whole" { print $1 }' "$scratch/runs.there" | sort | tail -n 1)
  fi
  awk -F "$tab" -v newest="$newest_there" -v made="$run" '
    FILENAME == ARGV[1] { there[$1] = $2; next }
    $2 == "whole" && !(there[$1] == "whole") && ($1 == made || newest != "" && $1 > newest) { print $1 }' "$scratch/runs.there" "$here_runs" |
    sort >"$scratch/to_copy"
  while IFS= read -r one; do copy "$one" || return; done <"$scratch/to_copy"
  carry_verified
  prune
}

# copy RUN
copy() {
  copy_began=$(date -u +%s)
  free_there "$1" || return 1
  transfer "$1" || return 1
  sums_there "$1.partial" >"$scratch/sums" || {
    trouble copy "$place $1" "the copy cannot be read: $(words "$why")"
    return 1
  }
  manifest_sum=$(sha256sum <"$backup_folder/$1/manifest" | cut -c 1-64)
  differences=$(compare_sums "$backup_folder/$1/manifest" <"$scratch/sums") && grep -q "^$manifest_sum [ *]\\./manifest\$" "$scratch/sums" || {
    trouble checksum "$place $1" "the copy differs from the run: $(printf '%s' "$differences" | tr '\n' ' ')"
    return 1
  }
  { printf 'name=%s\n' "$(word "$1")"; cat <<'END'
cd -- "$folder" && [ ! -e "$name" ] && { sync -f . 2>/dev/null || sync; } && mv -- "$name.partial" "$name"
END
  } | there || {
    trouble copy "$place $1" "the copy cannot be given its name: $(words "$why")"
    return 1
  }
  event copied "$place" "$1" "$(($(date -u +%s) - copy_began))"
  echo "$1 is copied to $place, and its checksums are the same there ($(span $(($(date -u +%s) - copy_began))))." >>"$scratch/copied"
}

# free_there RUN: makes the copy's folder, and looks whether there is room.
free_there() {
  room=$({ printf 'name=%s\n' "$(word "$1.partial")"; cat <<'END'
mkdir -p -- "$folder/$name" && df -Pk -- "$folder" | awk 'NR > 1 { print $(NF - 2) }'
END
  } | there) || {
    trouble copy "$place $1" "its folder cannot be made: $(words "$why")"
    return 1
  }
  needed=$(awk -F "$tab" '$1 == "file" { all += $3 } END { printf "%.0f", all / 1024 }' "$backup_folder/$1/manifest")
  [ "$room" -ge "$needed" ] || {
    trouble space "$place $1" "$(size $((needed * 1024))) are needed there, and $(size $((room * 1024))) are free"
    return 1
  }
}

# transfer RUN
transfer() {
  set -- "$1" -r --times --delete --chmod=D0700,F0600 --timeout=300 --protect-args --exclude=/verified
  # A file of one that was cut off may be as long and as old, and yet another.
  ! awk -F "$tab" -v run="$1" '$1 == run && $2 == "partial" { found = 1 } END { exit !found }' "$scratch/runs.there" || set -- "$@" --checksum
  [ -z "$rate" ] || set -- "$@" "--bwlimit=$((rate / 1024 > 0 ? rate / 1024 : 1))"
  # Who runs another site is not given this one's passwords.
  [ "$foreign" != foreign ] || set -- "$@" --exclude=/globals.sql --exclude=/configuration --delete-excluded
  copied=$1
  shift
  if [ "$remote" = - ]; then rsync "$@" -- "$backup_folder/$copied/" "$folder_there/$copied.partial/" >/dev/null 2>"$why" 7>&- 9>&-
  else rsync "$@" -e "$ssh_command" -- "$backup_folder/$copied/" "$remote:$folder_there/$copied.partial/" >/dev/null 2>"$why" 7>&- 9>&-; fi
  rsync_status=$?
  [ "$rsync_status" -eq 0 ] || {
    trouble copy "$place $copied" "rsync ended with status $rsync_status: $(words "$why")"
    return 1
  }
}

# carry_verified: a drill of one place says the same of the same run in another.
carry_verified() {
  runs_there >"$scratch/runs.there" || return 0
  awk -F "$tab" -v OFS="$tab" '
    FILENAME == ARGV[1] { verified[$1, $4] = $3; next }
    $2 == "whole" && ($1, $4) in verified && verified[$1, $4] != $3 { print $1, $3 }' "$scratch/runs.there" "$here_runs" >"$scratch/carry"
  while IFS=$tab read -r one here_too; do
    if [ "$here_too" = 1 ]; then
      {
        printf 'name=%s\ncat >"$folder/$name/verified.new" <<'"'END_OF_VERIFIED'"'\n' "$(word "$one")"
        cat -- "$backup_folder/$one/verified"
        printf 'END_OF_VERIFIED\nmv -- "$folder/$name/verified.new" "$folder/$name/verified"\n'
      } | there || trouble copy "$place $one" "that it is verified cannot be said there: $(words "$why")"
    else
      { printf 'name=%s\n' "$(word "$one")"; echo 'cat -- "$folder/$name/verified"'; } | there >"$backup_folder/$one/verified.new" &&
        mv -- "$backup_folder/$one/verified.new" "$backup_folder/$one/verified"
    fi
  done <"$scratch/carry"
}
