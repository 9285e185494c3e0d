# shellcheck shell=sh
# Whether what was restored is what was dumped: rows by table against the manifest, definitions and roles against the run's own text. Read after
# restore.sh by drill. Each difference is an event and a line of $scratch/differences.
# shellcheck disable=SC2015,SC2034,SC2154
differences=0
most_told=50

# differ DATABASE KIND FIELD… -- SENTENCE
differ() {
  differences=$((differences + 1))
  differ_line=$1$tab$2
  shift 2
  while [ "$1" != -- ]; do
    differ_line=$differ_line$tab$1
    shift
  done
  [ "$differences" -le "$most_told" ] || return 0
  [ -z "$events" ] || printf 'difference\t%s\n' "$differ_line"
  say "  $2"
  printf '%s\n' "$2" >>"$scratch/differences"
}

# compare_rows DATABASE: as the manifest names it. Sets $compared_tables and $compared_rows.
compare_rows() {
  s=$(fielded n.nspname) t=$(fielded c.relname)
  name=$(unescaped "$1")
  # A table of an extension has rows that come with it, and those that were dumped.
  printf '%s\n' "select 'select ' || quote_literal($s) || ', ' || quote_literal($t) || ', count(*), ' || quote_literal(case when exists (select 1 from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e') then 'e' else '-' end) || ' from only ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname) || ';'
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' order by 1" |
    background "$psql" -X -q -A -t -w -v ON_ERROR_STOP=1 -d "$(database "$name")" -f - >"$scratch/count.sql" 2>"$why" &&
    background "$psql" -X -q -A -t -w -F "$tab" -v ON_ERROR_STOP=1 -d "$(database "$name")" -f - <"$scratch/count.sql" >"$scratch/counts" 2>"$why" || {
    differ "$1" unknown -- "$name: the rows cannot be counted: $(tr '\n' ' ' <"$why")"
    return
  }
  # Of tables that are not in the manifest the dumps have no rows.
  NAME=$1 awk -F '\t' -v OFS='\t' '
    FILENAME == ARGV[1] { is[$1, $2] = $3; extension[$1, $2] = $4; order[++n] = $1 "\t" $2; next }
    $1 == "file" && $6 == ENVIRON["NAME"] { mine[$2] = 1 }
    $1 == "rows" && $2 in mine {
      tables++
      rows += $5
      named[$3, $4] = 1
      if (!(($3, $4) in is)) print $3, $4, $5, "missing"
      else if (extension[$3, $4] == "e" ? is[$3, $4] < $5 : is[$3, $4] != $5) print $3, $4, $5, is[$3, $4]
    }
    END {
      for (i = 1; i <= n; i++) {
        split(order[i], one, "\t")
        if (!((one[1], one[2]) in named) && is[one[1], one[2]] > 0 && extension[one[1], one[2]] != "e") print one[1], one[2], 0, is[one[1], one[2]]
      }
      printf("%.0f\t%.0f\n", tables, rows) >"/dev/stderr"
    }' "$scratch/counts" "$manifest" >"$scratch/uneven" 2>"$scratch/totals"
  IFS=$tab read -r compared_tables compared_rows <"$scratch/totals"
  while IFS=$tab read -r s t expected found <&6; do
    differ "$1" rows "$s" "$t" "$expected" "$found" -- "$name: $(unescaped "$s").$(unescaped "$t") has $found rows, and the run says $expected"
  done 6<"$scratch/uneven"
}

# plain_text: SQL without what differs from dump to dump: comments, empty lines, psql's own words. (In a literal they go on both sides.)
plain_text() { awk '!/^--/ && !/^$/ && !/^\\(restrict|unrestrict|connect)( |$)/'; }

# compare_definitions DATABASE
compare_definitions() {
  name=$(unescaped "$1")
  path=$(frame_of "$1")
  # template1 is there before: its encoding is not the run's.
  whole_text=-C
  [ "$name" != template1 ] || whole_text=''
  # shellcheck disable=SC2086
  "$pg_restore" -s $whole_text $to_stdout "$run_folder/$path" 2>"$why" | plain_text >"$scratch/text.run"
  # shellcheck disable=SC2086
  background "$pg_dump" -w -s $whole_text "$(plain_name "$name")" 2>>"$why" >"$scratch/text.dump" </dev/null || {
    differ "$1" unknown -- "$name: its definitions cannot be read: $(tr '\n' ' ' <"$why")"
    return
  }
  plain_text <"$scratch/text.dump" >"$scratch/text.is"
  # The run says which materialized views have rows by what refreshes them.
  [ "$server_number" -lt 903 ] ||
    sql "$name" "select 'REFRESH MATERIALIZED VIEW ' || quote_ident(schemaname) || '.' || quote_ident(matviewname) || ';' from pg_catalog.pg_matviews where ispopulated" >>"$scratch/text.is" ||
    differ "$1" unknown -- "$name: its materialized views cannot be read: $(tr '\n' ' ' <"$why")"
  unlike "$1" "$name" "$scratch/text.run" "$scratch/text.is"
}

# compare_properties DATABASE: where its dump does not have them.
compare_properties() {
  path=$(files_of properties "$1")
  [ -n "$path" ] || return 0
  name=$(unescaped "$1")
  properties_of "$name" >"$scratch/text.dump" || {
    differ "$1" unknown -- "$name: its settings and grants cannot be read: $(tr '\n' ' ' <"$why")"
    return
  }
  plain_text <"$run_folder/$path" >"$scratch/text.run"
  plain_text <"$scratch/text.dump" >"$scratch/text.is"
  unlike "$1" "$name" "$scratch/text.run" "$scratch/text.is"
}

# unlike DATABASE NAME RUN IS: lines that only one of two texts has, as often as it has them; their order says nothing.
unlike() {
  if [ ! -s "$3" ]; then
    differ "$1" unknown -- "$2: its definitions cannot be read from the run: $(tr '\n' ' ' <"$why")"
    return
  fi
  cmp -s -- "$3" "$4" && return
  sort -- "$3" >"$3.sorted"
  sort -- "$4" >"$4.sorted"
  comm -23 -- "$3.sorted" "$4.sorted" >"$scratch/lost"
  comm -13 -- "$3.sorted" "$4.sorted" >"$scratch/new"
  while IFS= read -r text <&6; do
    differ "$1" lost "$(escaped "$text")" -- "$2: only in the run: $text"
  done 6<"$scratch/lost"
  while IFS= read -r text <&6; do
    differ "$1" new "$(escaped "$text")" -- "$2: only in what was restored: $text"
  done 6<"$scratch/new"
}

of_this_server="s/^\(CREATE TABLESPACE .* LOCATION \).*/\1;/; s/^\(ALTER ROLE .*\) PASSWORD '[^']*'/\1/"

# compare_globals: roles, memberships, settings, tablespaces but for where these lie.
compare_globals() {
  passwords=''
  [ "$tool_number" -lt 1000 ] || passwords=--no-role-passwords
  # shellcheck disable=SC2086
  background "$pg_dumpall" -w -g $passwords >"$scratch/text.dump" 2>"$why" </dev/null || {
    differ - unknown -- "roles cannot be read: $(tr '\n' ' ' <"$why")"
    return
  }
  plain_text <"$run_folder/$(globals)" | sed "$of_this_server" >"$scratch/text.run"
  plain_text <"$scratch/text.dump" | sed "$of_this_server" >"$scratch/text.is"
  unlike - roles "$scratch/text.run" "$scratch/text.is"
}
