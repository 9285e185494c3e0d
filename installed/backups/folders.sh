# shellcheck shell=sh
# The folder of a run, and what lies in it beside the dumps: read after dumps.sh by `backup`.
# shellcheck disable=SC2034,SC2154

# remark TEXT: stands in the mail; nothing failed.
remark() {
  printf '%s\n' "$*" >>"$scratch/remarks"
  event remark "$*"
}

# trouble CAUSE OBJECT WORDS: something failed after the run was whole.
trouble() {
  printf '%s\n%s\n%s\n' "$1" "$2" "$3" >>"$scratch/troubles"
  event trouble "$1" "$2" "$3"
}

# unescaped FIELD: what a tab-separated line says.
unescaped() {
  case $1 in
    *\\*) printf '%b' "$1" ;;
    *) printf '%s' "$1" ;;
  esac
}

# names_of STATE: whole, partial or damaged runs of this server's folder, oldest first.
names_of() {
  for one in "$backup_folder"/[0-9]*Z "$backup_folder"/[0-9]*Z.partial "$backup_folder"/[0-9]*Z.damaged; do
    [ -d "$one" ] || continue
    one=${one##*/}
    case $one in
      [0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]T[0-9][0-9][0-9][0-9][0-9][0-9]Z) found=whole ;;
      *.partial) found=partial ;;
      *) found=damaged ;;
    esac
    [ "$found" != "$1" ] || echo "$one"
  done | sort
}

prepare_folder() {
  mkdir -p -- "$backup_folder" 2>"$why" || give_up write "$backup_folder" "it cannot be made: $(words "$why")"
  run=$(run_name "$start")
  # What there was before: for the comparison, and for the space that will be needed.
  last_run=$(names_of whole | tail -n 1)
  last=/dev/null
  # A copy: it may be found damaged, or go, before the mail is written.
  [ -z "$last_run" ] || { cat -- "$backup_folder/$last_run/manifest" >"$scratch/last" 2>/dev/null && last=$scratch/last; }
  newest=$({ names_of whole; names_of partial; names_of damaged; } | cut -c 1-16 | sort | tail -n 1)
  taken=$start
  while [ -e "$backup_folder/$run" ] || [ -e "$backup_folder/$run.partial" ] || [ -e "$backup_folder/$run.damaged" ]; do
    taken=$((taken + 1))
    run=$(run_name "$taken")
  done
  if [ -n "$newest" ] && ! [ "$(printf '%s\n%s\n' "$newest" "$run" | sort | tail -n 1)" = "$run" ] || [ "$taken" != "$start" ]; then
    remark "The clock was set back: a run named $newest is there already, and this one's time is $(utc "$start")."
  fi
  for one in $(names_of partial); do
    remark "The run ${one%.partial} was cut off: $one is not whole. It goes when a newer run is whole."
  done
  partial=$backup_folder/$run.partial
}

# list_databases: files of tab-separated lines NAME BYTES: ruled, whole; absent and uncovered: names.
list_databases() {
  sql "$maintenance" "copy (select datname, pg_database_size(oid), datallowconn from pg_database where datname <> 'template0' order by 2 desc) to stdout" >"$scratch/databases" || return 1
  : >"$scratch/ruled"
  : >"$scratch/whole"
  awk 'BEGIN { FS = OFS = "\t" }
    FILENAME == ARGV[1] {
      if ($1 ~ /^(database|whole|large|table|group|schema)$/) {
        declared[$2] = 1
        if ($1 != "database" && $1 != "whole") rules[$2] = 1
        names++
      }
      next
    }
    {
      there[$1] = 1
      if (names && !($1 in declared)) { print "uncovered", $1; next }
      if ($3 != "t") { if ($1 in declared) print "closed", $1; next }
      print (($1 in rules) ? "ruled" : "whole"), $1, $2
    }
    END { for (name in declared) if (!(name in there)) print "absent", name }' "$here/rules" "$scratch/databases" >"$scratch/judged" || return 1
  while IFS=$tab read -r what name bytes; do
    case $what in
      ruled | whole) printf '%s\t%s\n' "$name" "$bytes" >>"$scratch/$what" ;;
      closed) failed database "$name" 'it accepts no connections (datallowconn)' ;;
      absent) remark "The declared database $name is not there." ;;
      uncovered)
        case $name in
          postgres | template1) ;;
          *) remark "The database $name is on this server and in no backup: the stack does not name it." ;;
        esac
        ;;
    esac
  done <"$scratch/judged"
  [ -s "$scratch/ruled" ] || [ -s "$scratch/whole" ] || failed database "$server" 'none of the declared databases is there'
}

# foresee_space: as much as the last run took, grown as the databases have.
foresee_space() {
  needed=$(awk -F "$tab" 'FILENAME == ARGV[1] { if ($1 == "file" && NF >= 4) took += $3; if ($1 == "database") before += $3; next }
    $1 == "ruled" || $1 == "whole" { now += $3 }
    END { grown = before > 0 && now > before ? now / before : 1; printf "%.0f", took * grown * 1.05 / 1024 }' "$last" "$scratch/judged")
  free=$(df -Pk -- "$backup_folder" 2>"$why" | awk 'NR > 1 { print $(NF - 2) }')
  [ -n "$free" ] || give_up space "$backup_folder" "df does not say how much is free: $(words "$why")"
  [ "$free" -ge "$needed" ] || failed space "$backup_folder" \
    "a run will need $(size $((needed * 1024))), as the last one shows, and $(size $((free * 1024))) are free; nothing was written"
}

# save_globals: roles with their passwords for this site, and without for others.
save_globals() {
  "$pg_dumpall" -g -w -l "$maintenance" >"$partial/globals.sql" 2>"$scratch/said.globals" &
  first=$!
  if [ "$dumper" -ge 1000 ]; then
    "$pg_dumpall" -g -w -l "$maintenance" --no-role-passwords >"$partial/globals-without-passwords.sql" 2>"$scratch/said.without" || globals_failed without
  fi
  wait "$first" || globals_failed globals
  [ "$dumper" -ge 1000 ] ||
    sed "s/ PASSWORD '\\([^']\\|''\\)*'//g" "$partial/globals.sql" >"$partial/globals-without-passwords.sql" || globals_failed without
}
globals_failed() {
  ! no_room || give_up space globals.sql "the disk of $backup_folder is full"
  give_up globals globals.sql "pg_dumpall failed: $(words "$scratch/said.$1")"
}

# save_configuration: the files that the server reads, wherever they are.
save_configuration() {
  mkdir -- "$partial/configuration" || give_up write configuration 'it cannot be made'
  query="select current_setting('config_file') as file union select current_setting('hba_file') union select current_setting('ident_file')
    union select sourcefile from pg_settings where sourcefile is not null"
  [ "$server_number" -lt 905 ] || query="$query union select sourcefile from pg_file_settings"
  [ "$server_number" -lt 1600 ] || query="$query union select file_name from pg_hba_file_rules union select file_name from pg_ident_file_mappings"
  {
    sql "$maintenance" "select file from ($query) files where file is not null order by 1" || give_up server configuration "it does not say where its configuration is: $(words "$why")"
    for one in "$data/postgresql.auto.conf" "$data/recovery.conf"; do [ ! -e "$one" ] || printf '%s\n' "$one"; done
  } | sort -u >"$scratch/configuration"
  stop_if_failed
  base=$(sql "$maintenance" 'show config_file')
  base=${base%/*}
  while IFS= read -r one; do
    case $one in
      "$base"/*/* | "$data"/*/*) into=$(printf '%s' "$one" | sed 's/%/%25/g; s,/,%2F,g') ;;
      "$base"/* | "$data"/*) into=${one##*/} ;;
      *) into=$(printf '%s' "$one" | sed 's/%/%25/g; s,/,%2F,g') ;;
    esac
    cat -- "$one" >"$partial/configuration/$into" 2>"$why" || {
      ! no_room || give_up space "configuration/$into" "the disk of $backup_folder is full"
      rm -f -- "$partial/configuration/$into"
      remark "The configuration file $one cannot be read: $(words "$why")"
    }
  done <"$scratch/configuration"
}

# save_properties: of each database what its dump does not have of it.
save_properties() {
  ! says_all "$dumper" || return 0
  awk -F "$tab" -v OFS="$tab" '{ sub(/[^\/]*$/, "properties.sql", $6); if (!($3 in seen)) print $3, $6; seen[$3] = 1 }' "$scratch/queue" >"$scratch/properties"
  while IFS=$tab read -r named path; do
    name=$(unescaped "$named")
    if ! properties_of "$name" >"$partial/$path" || [ "$(tail -n 1 -- "$partial/$path")" != '-- whole' ]; then
      ! no_room || give_up space "$path" "the disk of $backup_folder is full"
      give_up database "$named" "its settings and grants cannot be read: $(words "$why")"
    fi
  done <"$scratch/properties"
}

# make_queue: the plan of the ruled databases, the others as a whole, what takes longest first.
make_queue() {
  cat "$scratch"/relations.d* >"$scratch/relations" 2>/dev/null
  # A declared database that is not there has no frame.
  awk -F "$tab" 'FILENAME == ARGV[1] { there[$1] = 1; next } $2 in there' "$scratch/ruled" "$here/rules" >"$scratch/rules"
  {
    awk -v standby="$standby" -f "$here/fields.awk" -f "$here/plan.awk" "$scratch/rules" "$scratch/relations" || failed programs plan 'the plan cannot be made'
    awk -F "$tab" -v OFS="$tab" '{ print "dump", $1, "whole", "whole", $2 }' "$scratch/whole"
  } >"$scratch/plan"
  awk -f "$here/queue.awk" "$last" "$scratch/plan" | sort -t "$tab" -k 1,1nr -k 2,2nr >"$scratch/queue"
  into=$scratch awk -v dumper="$dumper" -f "$here/fields.awk" -f "$here/arguments.awk" "$scratch/plan" "$scratch/queue" || failed programs plan 'the plan cannot be made'
  dumps=$(awk 'END { print NR }' "$scratch/queue")
  # shellcheck disable=SC2046
  cut -f 6 "$scratch/queue" | sed 's,/[^/]*$,,' | sort -u | while IFS= read -r one; do mkdir -- "$partial/$one" || failed write "$one" 'it cannot be made'; done
  awk -F "$tab" '$1 == "empty" { print $3 " " $4 " of database " $2 }' "$scratch/plan" >"$scratch/empty"
  while IFS= read -r one; do remark "Nothing is there for the rule $one."; done <"$scratch/empty"
  stop_if_failed
}

# cover: each table and sequence is in exactly one dump, the one of the plan.
cover() {
  cat "$scratch"/relations.[dw]* >"$scratch/relations" 2>/dev/null
  one=0
  while [ "$one" -lt "$dumps" ]; do
    one=$((one + 1))
    read_made "$one"
    printf '#list\t%s\t%s\n' "$path" "$named"
    cat -- "$scratch/list.$one"
    echo '#counts'
    cat -- "$scratch/counts.$one"
  done >"$scratch/lists"
  awk -v standby="$standby" -f "$here/check.awk" "$scratch/relations" "$scratch/plan" "$scratch/lists" >"$scratch/covered" || {
    failed programs plan 'the lists of the dumps cannot be read'
    return
  }
  grep "^problem$tab" "$scratch/covered" >"$scratch/uncovered" || return 0
  found=$(awk -F "$tab" 'NR <= 3 { print $2 ": " $4 "." $5 " of database " $3 ($6 == "" ? "" : " (" $6 ")") }' "$scratch/uncovered" | tr '\n' ';')
  found="$(awk 'END { print NR }' "$scratch/uncovered") tables or sequences are not in exactly one dump, the one of the plan: $found"
  if [ "$one_moment" = yes ]; then failed coverage "$run" "$found"
  else remark "Not of one moment, and something changed meanwhile: $found"; fi
}

# file_line PATH KIND [DATABASE]: of a file that is no dump.
file_line() {
  printf 'file\t%s\t%s\t%s\t%s\t%s\t0\n' "$1" "$(stat -c %s -- "$partial/$1")" "$(sha256sum <"$partial/$1" | cut -c 1-64)" "$2" "${3:-}"
}

write_manifest() {
  # Sizes as text: the first thing that is wanted when a disk fills up.
  {
    printf 'database\tschema\ttable\tbytes\tindex bytes\tdump\n'
    awk 'BEGIN { FS = OFS = "\t" } $1 == "in" { file[$2, $7] = $3; next }
      $1 == "relation" && $6 ~ /[rm]/ { print $3, $4, $5, $9, $10, ($3, $2) in file ? file[$3, $2] : ($6 == "m" ? "frame" : "whole") }' "$scratch/plan" "$scratch/relations" |
      sort -t "$tab" -k 4,4nr
  } >"$partial/sizes.txt"
  {
    printf 'pgsite-backup\t1\n'
    printf 'site\t%s\nserver\t%s\nsystem\t%s\n' "$(escaped "$site")" "$(escaped "$server")" "$system"
    printf 'version\t%s\t%s\nstart\t%s\nlsn\t%s\n' "$version_number" "$dumper_version" "$start" "$lsn"
    awk -F "$tab" -v OFS="$tab" -v moment="$one_moment" '{ print "moment", $1, FILENAME == ARGV[2] || moment == "yes" ? "one" : "several" }' "$scratch/ruled" "$scratch/whole"
    awk -F "$tab" -v OFS="$tab" '{ print "database", $1, $2 }' "$scratch/ruled" "$scratch/whole"
    one=0
    while [ "$one" -lt "$dumps" ]; do
      one=$((one + 1))
      printf 'file\t%s\n' "$(cat -- "$scratch/made.$one")"
    done
    says_all "$dumper" || while IFS=$tab read -r named path; do file_line "$path" properties "$named"; done <"$scratch/properties"
    file_line globals.sql globals
    file_line globals-without-passwords.sql globals-without-passwords
    for one in "$partial"/configuration/*; do [ ! -f "$one" ] || file_line "configuration/${one##*/}" configuration; done
    file_line sizes.txt sizes
    grep "^holds$tab" "$scratch/covered"
    grep "^rows$tab" "$scratch/covered"
    grep "^unnamed$tab" "$scratch/plan"
    awk -F "$tab" -v OFS="$tab" '$1 == "absent" || $1 == "uncovered" { print $1, $2 }' "$scratch/judged"
    printf 'end\t%s\n' "$(now)"
  } >"$partial/manifest" || {
    if no_room; then failed space manifest "the disk of $backup_folder is full"; else failed write manifest 'it cannot be written'; fi
    return
  }
  [ "$(tail -n 1 "$partial/manifest" | cut -f 1)" = end ] || failed space manifest "it cannot be written: is the disk of $backup_folder full?"
}

# finish_run: on the disk, and then by its name.
finish_run() {
  sync -f "$backup_folder" 2>/dev/null || sync
  mv -- "$partial" "$backup_folder/$run" 2>"$why" || {
    failed write "$run" "it cannot be given its name: $(words "$why")"
    return
  }
  sync "$backup_folder" 2>/dev/null
  state=whole
  whole_size=$(awk -F "$tab" '$1 == "file" { all += $3 } END { printf "%.0f", all }' "$backup_folder/$run/manifest")
  event made "$run" "$whole_size" "$(($(now) - start))"
  say "run $run is whole: $(size "$whole_size")"
}
