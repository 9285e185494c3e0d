# shellcheck shell=sh
# Where runs lie, which of them is meant, and what its manifest says; read after common.sh by restore, drill and runs.
# shellcheck disable=SC2016,SC2034,SC2154
# What a run is read by; of a run on another host, a copy of what is needed.
run='' run_folder='' run_state='' run_place='' run_end='' run_verified='' run_size=''
manifest=''

# The server's own folder, which is no line of `places`.
own_place=here

# unescaped TEXT: a field of a tab-separated line as it was. (A name's line break at its very end is lost.)
unescaped() { printf '%b' "$1"; }

# tell WORD FIELD…: an event whose fields are escaped already, as all names that come from a manifest are. A line is written at once: what runs
# beside this writes lines too.
tell() {
  [ -n "$events" ] || return 0
  told_line=$1
  shift
  for field; do told_line=$told_line$tab$field; done
  printf '%s\n' "$told_line"
}

# of_places: every place, one a line: NAME TARGET FOLDER KIND PORT KEY; `-` stands for this host, and for what is not said.
of_places() {
  [ -z "${backup_folder:-}" ] || printf '%s\t-\t%s\town\t-\t-\n' "$own_place" "$(escaped "$backup_folder")"
  [ ! -r "$here/places" ] || awk -F '\t' -v OFS='\t' '$1 == "held" { print $2, "-", $3, "own", "-", "-" } $1 == "place" { print $2, $3, $4, $5, ($6 == "" ? "-" : $6), ($7 == "" ? "-" : $7) }' "$here/places"
}

# at_place TARGET PORT KEY COMMAND: what the shell of the place's host does with a command; standard input goes there.
at_place() {
  target=$1 ssh_port=$2 ssh_key=$3
  shift 3
  set -- "$target" "$@"
  [ "$ssh_key" = - ] || set -- -i "$ssh_key" "$@"
  [ "$ssh_port" = - ] || set -- -p "$ssh_port" "$@"
  ssh -o BatchMode=yes -o ConnectTimeout=20 -o ServerAliveInterval=15 -o ServerAliveCountMax=4 "$@" 9>&-
}

# quoted TEXT: for a shell.
quoted() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }

# list_place NAME TARGET FOLDER KIND PORT KEY: its runs as list.sh says them, oldest first. Another status than 0: it cannot be told, $why says why.
list_place() {
  listed_folder=$(unescaped "$3")
  if [ "$2" = - ]; then
    sh "$here/list.sh" "$listed_folder" 2>"$why"
  else
    command -v ssh >/dev/null 2>&1 || {
      echo 'there is no ssh on this host' >"$why"
      return 69
    }
    at_place "$2" "$5" "$6" "sh -s $(quoted "$listed_folder")" <"$here/list.sh" 2>"$why"
  fi
  listed=$?
  [ "$listed" -ne 3 ] || echo "there is no folder $3" >"$why"
  return "$listed"
}

# find_run NAME|newest PLACE: sets run… of a whole run. PLACE is a name of `places` (or this server's), or a folder of this host; empty: the server's
# own, else the first that has it; of several newest ones the newest. Status 1: there is none; $why says what was looked at.
find_run() {
  wanted=$1 only=$2
  [ "$only" != "$server" ] || only=$own_place
  : >"$scratch/looked"
  case $only in
    /*) printf '%s\t-\t%s\town\t-\t-\n' "$only" "$only" >"$scratch/places" ;;
    '') of_places >"$scratch/places" ;;
    *) of_places | awk -F '\t' -v name="$only" '$1 == name' >"$scratch/places" ;;
  esac
  while IFS=$tab read -r place_name place_target place_folder place_kind place_port place_key; do
    list_place "$place_name" "$place_target" "$place_folder" "$place_kind" "$place_port" "$place_key" >"$scratch/list" </dev/null || {
      echo "$place_name: $(tr '\n' ' ' <"$why")" >>"$scratch/looked"
      continue
    }
    found=$(awk -F '\t' -v name="$wanted" '($2 == "whole" || $2 == "verified") && (name == "newest" || name == $1) && $1 >= best { best = $1; line = $0 } END { if (line != "") print line }' "$scratch/list")
    [ -n "$found" ] || {
      echo "$place_name: $(awk -F '\t' -v name="$wanted" 'name == $1 { print name " is " $2; n++ } END { if (!n) print "no " (name == "newest" ? "whole run" : "run " name) }' "$scratch/list" | tr '\n' ' ')" >>"$scratch/looked"
      continue
    }
    # Names are times.
    [ -z "$run" ] || [ "$(printf '%s\n' "$run" "${found%%"$tab"*}" | sort | tail -n 1)" != "$run" ] || continue
    IFS=$tab read -r run run_state run_size run_end run_verified <<FOUND
$found
FOUND
    run_place=$place_name run_target=$place_target run_port=$place_port run_key=$(unescaped "$place_key") run_folder=$(unescaped "$place_folder")/$run
    [ "$wanted" = newest ] || break
  done <"$scratch/places"
  if [ -z "$run" ]; then
    [ -s "$scratch/looked" ] || echo "there is no place${only:+ $only}" >"$scratch/looked"
    mv -f -- "$scratch/looked" "$why"
    return 1
  fi
  run_there=$run_folder
  if [ "$run_target" != - ]; then
    run_folder=$jobs/fetched.$$
    # What a program left that was killed.
    for left in "$jobs"/fetched.*; do
      [ ! -d "$left" ] || [ -d "/proc/${left##*.}" ] || rm -rf -- "$left"
    done
    at_end 'rm -rf -- "$jobs/fetched.$$"'
    mkdir -p -- "$run_folder" && fetch_file manifest || return 1
  fi
  manifest=$run_folder/manifest
  # For as long as this program reads it, no backup removes the run (copies.sh).
  if [ "$run_target" = - ] && [ -r "$manifest" ]; then
    exec 6<"$manifest"
    flock -s -n 6 || :
  fi
  [ "$(head -n 1 "$manifest" 2>"$why")" = "pgsite-backup${tab}1" ] || {
    echo "$manifest is no manifest that this program reads" >"$why"
    return 1
  }
}

# fetch_file PATH: of a run on another host; of one on this host nothing is to be done.
fetch_file() {
  [ "$run_target" != - ] || return 0
  [ ! -e "$run_folder/$1" ] || return 0
  mkdir -p -- "$(dirname -- "$run_folder/$1")" || return 1
  at_place "$run_target" "$run_port" "$run_key" "cat -- $(quoted "$run_there/$1")" >"$run_folder/$1" 2>"$why" </dev/null
}

# files_of KIND DATABASE: the paths of a run's files, the largest first; an empty argument stands for any, data for the rest too. Names as in the
# manifest.
files_of() {
  KIND=$1 NAME=$2 awk -F '\t' '$1 == "file" && (ENVIRON["KIND"] == "" || $5 == ENVIRON["KIND"] || $5 == "rest" && ENVIRON["KIND"] == "data") && (ENVIRON["NAME"] == "" || $6 == ENVIRON["NAME"]) { print $3 "\t" $2 }' "$manifest" |
    sort -t "$tab" -k 1,1nr | cut -f 2-
}

# frame_of DATABASE: the path of the dump that has its definitions.
frame_of() {
  files_of frame "$1"
  files_of whole "$1"
}

# fact WORD: the field after a word.
fact() { awk -F '\t' -v word="$1" '$1 == word { print $2; exit }' "$manifest"; }

databases_of_run() { awk -F '\t' '$1 == "file" && ($5 == "frame" || $5 == "whole") { print $6 }' "$manifest"; }

# size_of DATABASE: as it was on the disk when the run was made.
size_of() { NAME=$1 awk -F '\t' '$1 == "database" && $2 == ENVIRON["NAME"] { n = $3 } END { printf("%.0f\n", n) }' "$manifest"; }

# checksums <PATHS: of a run on another host these files are fetched first. Whether each is what was written; a line a path that is not, in $scratch/damaged. As many at once as there are jobs.
checksums() {
  : >"$scratch/damaged"
  awk -F '\t' 'NR == FNR { wanted[$1] = 1; next } $1 == "file" && $2 in wanted { print $2 "\t" $3 "\t" $4 }' - "$manifest" >"$scratch/sums"
  rm -rf -- "$scratch/claims"
  mkdir -- "$scratch/claims"
  if [ "$run_target" != - ]; then
    room=$(df -Pk -- "$run_folder" | awk 'NR == 2 { printf("%.0f\n", $4 * 1024) }')
    bytes=$(awk -F '\t' '{ n += $2 } END { printf("%.0f\n", n) }' "$scratch/sums")
    [ "$bytes" -le "$room" ] || die 74 "to fetch the run $(size "$bytes") are needed in $jobs, and $(size "$room") are free"
    # All by one connection.
    paths=''
    while IFS=$tab read -r path _; do
      [ -e "$run_folder/$path" ] || paths="$paths $(quoted "$path")"
    done <"$scratch/sums"
    if [ -n "$paths" ]; then
      at_place "$run_target" "$run_port" "$run_key" "cd -- $(quoted "$run_there") && tar -cf - --$paths" </dev/null 2>"$why" | tar -xf - -C "$run_folder" 2>>"$why" ||
        die 74 "the run cannot be fetched: $(tr '\n' ' ' <"$why")"
    fi
  fi
  choose_summing
  worker=0
  pids=''
  while [ "$worker" -lt "$parallel" ]; do
    worker=$((worker + 1))
    while IFS=$tab read -r path bytes sum; do
      mkdir -- "$scratch/claims/$(printf '%s' "$path" | tr '/' '|')" 2>/dev/null || continue
      is=$($summing_program <"$run_folder/$path" 2>/dev/null)
      [ "${is%% *}" = "$sum" ] || echo "$path" >>"$scratch/damaged"
    done <"$scratch/sums" 9>&- &
    pids="$pids $!"
  done
  for one in $pids; do wait "$one"; done
  [ ! -s "$scratch/damaged" ]
}

# verified_everywhere: writes down, in each place that has this very run, that a drill found it equal. Status 1: not even where it was found.
verified_everywhere() {
  identity=$(sha256sum <"$manifest")
  identity=${identity%% *}
  printf 'time\t%s\nserver\t%s\nprograms\t%s\nmanifest\t%s\n' "$(now)" "$server" "$("$pg_restore" --version | awk '{ print $3; exit }')" "$identity" >"$scratch/verified"
  verify_in "$run_target" "${run_there%/*}" "$run_port" "$run_key" || return 1
  of_places >"$scratch/places"
  while IFS=$tab read -r _ verify_target verify_folder _ verify_port verify_key; do
    verify_folder=$(unescaped "$verify_folder")
    [ "$verify_target $verify_folder" = "$run_target ${run_there%/*}" ] || verify_in "$verify_target" "$verify_folder" "$verify_port" "$(unescaped "$verify_key")" || :
  done <"$scratch/places"
}

# verify_in TARGET FOLDER PORT KEY: nothing is written where the run is not, or is another.
verify_in() {
  verify_script='cd -- "$1/$2" || exit 1; is=$(sha256sum <manifest) || exit 1; [ "${is%% *}" = "$3" ] || exit 1; umask 077; cat >.verified.new && mv -f -- .verified.new verified'
  if [ "$1" = - ]; then
    sh -c "$verify_script" sh "$2" "$run" "$identity" <"$scratch/verified" 2>"$why"
  else
    at_place "$1" "$3" "$4" "sh -c $(quoted "$verify_script") sh $(quoted "$2") $run $identity" <"$scratch/verified" 2>"$why"
  fi
}
