# shellcheck shell=sh
# Brings back a schema or tables into a database that may have others; read after restore.sh. What goes into a database that is there goes in
# one transaction: all of it or nothing. Names of schemas and tables are as the manifest writes them (escaped); databases as they are.
# shellcheck disable=SC2016,SC2034,SC2154

# fielded EXPRESSION: SQL of a text as the manifest writes it.
fielded() { printf '%s' "replace(replace(replace($1, E'\\\\', E'\\\\\\\\'), E'\\t', E'\\\\t'), E'\\n', E'\\\\n')"; }

# wanted_tables DATABASE SCHEMA TABLE: what of the run is wanted (TABLE empty: all of the schema; SCHEMA empty: TABLE is SCHEMA.TABLE).
# $scratch/known has every table with rows of the database, $scratch/names the wanted ones as the archive calls them, with partitions.
wanted_tables() {
  first=$(frame_of "$1")
  "$pg_restore" -l -v "$run_folder/$first" >"$scratch/toc" 2>"$why" || return 1
  NAME=$1 S=$2 T=$3 awk -F '\t' '
    $1 == "file" && $6 == ENVIRON["NAME"] { mine[$2] = 1 }
    $1 == "holds" && $5 == "r" && $2 in mine {
      wanted = ENVIRON["T"] == "" ? $3 == ENVIRON["S"] : ($3 "." $4) == ENVIRON["T"]
      print $3 "\t" $4 "\t" (wanted ? 1 : 0)
      found += wanted
    }
    # A partitioned table has no rows of its own.
    END {
      at = index(ENVIRON["T"], ".")
      if (!found && at) print substr(ENVIRON["T"], 1, at - 1) "\t" substr(ENVIRON["T"], at + 1) "\t1"
    }' "$manifest" >"$scratch/known"
  awk -v what=names -f "$here/toc.awk" "$scratch/known" "$scratch/toc" >"$scratch/names"
  awk -v what=owned -f "$here/toc.awk" "$scratch/known" "$scratch/toc" >"$scratch/owned"
}

# has_schema SCHEMA: whether the run has it at all: it may hold no table.
has_schema() {
  schema=$(unescaped "$1")
  export schema
  [ -n "$(awk -v what=schema -f "$here/toc.awk" /dev/null "$scratch/toc" | head -n 1)" ]
}

# dumps_of DATABASE: the dumps with rows of a wanted table, the largest first.
dumps_of() {
  files_of '' "$1" >"$scratch/paths"
  awk -F '\t' 'FILENAME == ARGV[1] { wanted[$2, $3] = 1; next } FILENAME == ARGV[2] { if ($1 == "holds" && ($3, $4) in wanted) has[$2] = 1; next } $0 in has' "$scratch/names" "$manifest" "$scratch/paths"
}

# values FILE: rows of SQL of SCHEMA and TABLE in the fields 2 and 3, with their escapes taken away.
values() {
  awk -F '\t' -v quote="'" '
    function literal(text) {
      gsub(quote, quote quote, text)
      return "E" quote text quote
    }
    { printf("%s(%s, %s)", NR > 1 ? ",\n" : "", literal($2), literal($3)) }' "$1"
}

# look_at_tables DATABASE: $scratch/tables: SCHEMA, TABLE, and what there is of each: missing, parent (it has no rows of its own), empty or rows.
look_at_tables() {
  : >"$scratch/tables"
  [ -s "$scratch/names" ] || return 0
  s=$(fielded x.s) t=$(fielded x.t)
  {
    echo 'create temporary table wanted as select x.*, c.relkind from (values'
    values "$scratch/names"
    echo ") as x(s, t) left join (pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace) on n.nspname = x.s and c.relname = x.t and c.relkind in ('r', 'p', 'f', 'v', 'm');"
    printf '%s\n' "select $s, $t, case when relkind is null then 'missing' else 'parent' end from wanted x where relkind is distinct from 'r';
\\o $(quoted "$scratch/look.rows")
select 'select ' || quote_literal($s) || ', ' || quote_literal($t) || ', case when exists (select 1 from only ' || quote_ident(x.s) || '.' || quote_ident(x.t) || ') then ''rows'' else ''empty'' end;' from wanted x where relkind = 'r';
\\o
\\i $(quoted "$scratch/look.rows")"
  } >"$scratch/look.sql"
  : >"$scratch/look.rows"
  timeout "$sql_seconds" "$psql" -X -q -A -t -w -F "$tab" -v ON_ERROR_STOP=1 -d "$(database "$1")" -f "$scratch/look.sql" >"$scratch/tables" 2>"$why"
}

# look_at_schema DATABASE SCHEMA: prints `missing`, `empty`, or `full`.
look_at_schema() {
  s=$(literal "$(unescaped "$2")")
  sql "$1" "select case when not exists (select 1 from pg_catalog.pg_namespace where nspname = $s) then 'missing'
    when exists (select 1 from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = relnamespace where nspname = $s)
      or exists (select 1 from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = pronamespace where nspname = $s)
      or exists (select 1 from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = typnamespace where nspname = $s) then 'full'
    else 'empty' end"
}

# list_of WHAT FIRST FILE: of a dump's list what toc.awk says, in $scratch/list.wanted; status 1: nothing.
list_of() {
  "$pg_restore" -l -v "$run_folder/$3" 2>"$why" | awk -v what="$1" -v without="$scratch/left_out" -f "$here/toc.awk" "$2" - >"$scratch/list.wanted"
  [ -s "$scratch/list.wanted" ]
}

# text_of WHICH FILE: SQL of a section of a dump, of what is in $scratch/list.wanted.
text_of() {
  choose_section "$1" "$2" "$scratch/list.wanted"
  if [ "$section" = "--use-list=$scratch/list.$1" ]; then
    # shellcheck disable=SC2086
    "$pg_restore" "$section" $to_stdout "$run_folder/$2" && return
  else
    # shellcheck disable=SC2086
    "$pg_restore" --use-list="$scratch/list.wanted" "$section" $to_stdout "$run_folder/$2" && return
  fi
  # What reads this must not commit it.
  : >"$scratch/broken"
  return 1
}

# into_new DATABASE TARGET OLD: a database that has nothing yet gets all definitions of the run's, and rows of what is wanted alone. Foreign keys
# are left out: what they point at may have no rows. Status 1: not all of it.
into_new() {
  into=$2
  faults_before=$failures
  event step "$into" make
  make_database "$first" "$(unescaped "$1")" "$into" "$3" || return 1
  list_of definitions /dev/null "$first"
  without_comment <"$scratch/list.wanted" >"$scratch/list.definitions"
  event step "$into" pre-data
  load_step=pre
  choose_section pre-data "$first" "$scratch/list.definitions"
  load "$into" "$first" --use-list="$scratch/list.definitions" "$section"
  event step "$into" data
  load_step=data
  dumps_of "$1" >"$scratch/data"
  listed_rows=0
  while IFS= read -r path <&3; do
    list_of data "$scratch/names" "$path" || continue
    listed_rows=$((listed_rows + $(wc -l <"$scratch/list.wanted")))
    load "$into" "$path" --use-list="$scratch/list.wanted" -j "$parallel" </dev/null
    load_step=sets
    if list_of sets "$scratch/owned" "$path"; then load "$into" "$path" --use-list="$scratch/list.wanted" </dev/null; fi
    load_step=data
  done 3<"$scratch/data"
  all_listed 2>"$scratch/said" || fault "$into" - "$(cat "$scratch/said")"
  event step "$into" post-data
  load_step=post
  choose_section post-data "$first" "$scratch/list.definitions"
  load "$into" "$first" --use-list="$scratch/list.definitions" "$section" -j "$parallel"
  collect "$into"
  set_properties "$1" "$into"
  [ "$failures" -eq "$faults_before" ]
}

# into_database DATABASE TARGET SCHEMA_STATE: one transaction. SCHEMA_STATE is of a schema that is to come back as it was (missing, empty), else tables:
# those of $scratch/tables, with their rows alone where they are there.
into_database() {
  into=$2
  event step "$into" "$(if [ "$3" = tables ]; then echo tables; else echo schema; fi)"
  if ! foreign_keys "$into" >"$scratch/keys.sql" || ! keys_left_out "$into" "$3"; then
    faults "$into" - "$why"
    return 1
  fi
  rm -f -- "$scratch/complete" "$scratch/broken"
  # What pg_restore writes may break off: then nothing commits.
  { transaction "$1" "$3" && [ ! -e "$scratch/broken" ] && echo 'commit;' && : >"$scratch/complete"; } 2>"$scratch/said.text" | for_server | psql_script "$into" >/dev/null 2>"$scratch/said"
  into_status=$?
  if [ ! -f "$scratch/complete" ] && [ "$into_status" -eq 0 ]; then
    faults "$into" "$first" "$scratch/said.text"
    return 1
  fi
  if [ "$into_status" -ne 0 ]; then
    faults "$into" - "$scratch/said"
    return 1
  fi
}

# keys_left_out DATABASE SCHEMA_STATE: a foreign key of what comes back, to or from a table that is missing, cannot come back; each is said.
keys_left_out() {
  : >"$scratch/left_out"
  if [ "$2" = tables ]; then by=tables; else by=schema; fi
  known_missing
  awk -v what=keys -v by="$by" -f "$here/toc.awk" "$scratch/known.all" "$scratch/toc" >"$scratch/keys"
  [ -s "$scratch/keys" ] || return 0
  s=$(fielded x.s) t=$(fielded x.t)
  {
    printf '%s\n' "select distinct $s, $t from (values"
    values "$scratch/keys"
    echo ") as x(s, t) where not exists (select 1 from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where n.nspname = x.s and c.relname = x.t);"
  } >"$scratch/look.sql"
  timeout "$sql_seconds" "$psql" -X -q -A -t -w -F "$tab" -v ON_ERROR_STOP=1 -d "$(database "$1")" -f "$scratch/look.sql" >"$scratch/missing.tables" 2>"$why" || return 1
  awk -F '\t' 'FILENAME == ARGV[1] { missing[$1, $2] = 1; next } ($2, $3) in missing { print $1 }' "$scratch/missing.tables" "$scratch/keys" >"$scratch/left_out.new"
  mv -f -- "$scratch/left_out.new" "$scratch/left_out"
  awk 'FILENAME == ARGV[1] { out[$1] = 1; next } { id = $1; sub(/;$/, "", id) } id in out && /FK CONSTRAINT/ { sub(/^.*FK CONSTRAINT /, ""); print }' "$scratch/left_out" "$scratch/toc" >"$scratch/left_out.names"
  while IFS= read -r key <&6; do
    event remark "$1" foreign-key "$key"
    say "  the foreign key $key is left out: the other table is missing, and brings it when it comes back"
  done 6<"$scratch/left_out.names"
}

# known_missing: tables of the run for toc.awk, those that are to be made being the wanted ones. The others have to be known, so that no name is
# taken for another.
known_missing() {
  awk -F '\t' -v OFS='\t' '{ print $1, $2, 0 }' "$scratch/known" >"$scratch/known.all"
  awk -F '\t' -v OFS='\t' '$3 == "missing" { print $1, $2, 1 }' "$scratch/tables" >>"$scratch/known.all"
}

# transaction DATABASE SCHEMA_STATE: its SQL, but for its end. Status 1: it is not whole.
transaction() {
  echo 'begin;'
  [ "$server_number" -lt 903 ] || echo "set local lock_timeout = '60s';"
  if [ "$2" != tables ]; then
    list_of schema /dev/null "$first"
    [ "$2" = missing ] || awk '!/^[0-9]+; [0-9]+ [0-9]+ SCHEMA /' "$scratch/list.wanted" >"$scratch/list.more" && mv -f -- "$scratch/list.more" "$scratch/list.wanted"
    text_of pre-data "$first" || return 1
    rows_of "$1" schema || return 1
    list_of schema /dev/null "$first"
    text_of post-data "$first"
    return
  fi
  emptied
  made=''
  if list_of tables "$scratch/known.all" "$first"; then
    made=1
    text_of pre-data "$first" || return 1
  fi
  # Rows come as they were: triggers have seen them once already.
  echo 'set local session_replication_role = replica;'
  rows_of "$1" tables || return 1
  echo 'set local session_replication_role = origin;'
  if [ -n "$made" ]; then
    list_of tables "$scratch/known.all" "$first"
    text_of post-data "$first" || return 1
  fi
  cat -- "$scratch/keys.sql"
  sets_of "$1"
}

# with_rows: how many of the wanted tables have rows of their own: as many lists of rows there must be.
with_rows() { DIR=${first%/*}/ awk -F '\t' 'FILENAME == ARGV[1] { wanted[$2, $3] = 1; next } $1 == "holds" && $5 == "r" && ($3, $4) in wanted && index($2, ENVIRON["DIR"]) == 1 { n++ } END { print n + 0 }' "$scratch/names" "$manifest"; }

# rows_of DATABASE WHAT: SQL of the wanted rows.
rows_of() {
  dumps_of "$1" >"$scratch/data"
  listed_rows=0
  while IFS= read -r path <&3; do
    if [ "$2" = schema ]; then list_of schema /dev/null "$path" || continue; else list_of data "$scratch/names" "$path" || continue; fi
    listed_rows=$((listed_rows + $(grep -c '^[0-9]*; [0-9]* [0-9]* TABLE DATA ' "$scratch/list.wanted")))
    # shellcheck disable=SC2086
    "$pg_restore" --data-only --use-list="$scratch/list.wanted" $to_stdout "$run_folder/$path" </dev/null || return 1
  done 3<"$scratch/data"
  all_listed || return 1
  [ "$2" != schema ] || sequences_of_schema "$1"
}

# all_listed: whether the dumps gave as many tables as the manifest says.
all_listed() {
  expected_rows=$(with_rows)
  [ "$listed_rows" -eq "$expected_rows" ] || {
    echo "the run says that it has the rows of $expected_rows of these tables, and its dumps have those of $listed_rows" >&2
    return 1
  }
}

# A sequence that no table owns may be in a dump that has none of the wanted tables.
sequences_of_schema() {
  files_of data "$1" | awk 'FILENAME == ARGV[1] { there[$0] = 1; next } !($0 in there)' "$scratch/data" - >"$scratch/data.other"
  while IFS= read -r path <&3; do
    list_of schema /dev/null "$path" || continue
    # shellcheck disable=SC2086
    "$pg_restore" --data-only --use-list="$scratch/list.wanted" $to_stdout "$run_folder/$path" </dev/null || return 1
  done 3<"$scratch/data.other"
}

# sets_of DATABASE: SQL that sets the sequences of the wanted tables. It comes last: no end of a transaction undoes it.
sets_of() {
  while IFS= read -r path <&3; do
    list_of sets "$scratch/owned" "$path" || continue
    # shellcheck disable=SC2086
    "$pg_restore" --data-only --use-list="$scratch/list.wanted" $to_stdout "$run_folder/$path" </dev/null || return 1
  done 3<"$scratch/data"
}

# emptied: SQL that locks the tables that are there, and empties them; without --replace it makes sure that they still are empty. A table at which
# others point cannot be truncated, and nobody's rows go with the rows that go.
emptied() {
  awk -F '\t' '$3 == "rows" || $3 == "empty" { print "-\t" $1 "\t" $2 }' "$scratch/tables" >"$scratch/present"
  [ -s "$scratch/present" ] || return 0
  echo 'create temporary table pgsite_tables on commit drop as
select c.oid, c.oid::pg_catalog.regclass as name from (values'
  values "$scratch/present"
  echo ') as x(s, t) join pg_catalog.pg_namespace n on n.nspname = x.s join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = x.t;
set local session_replication_role = replica;
do $pgsite$ declare one record; found_row record; pointed_at boolean; begin
  pointed_at := exists (select 1 from pg_catalog.pg_constraint where contype = $f$f$f$ and confrelid in (select oid from pg_temp.pgsite_tables) and conrelid not in (select oid from pg_temp.pgsite_tables));
  for one in select * from pg_temp.pgsite_tables order by oid loop
    execute $f$lock table only $f$ || one.name || $f$ in exclusive mode$f$;
  end loop;
  for one in select * from pg_temp.pgsite_tables order by oid loop'
  if [ -z "$replace" ]; then
    echo '    for found_row in execute $f$select 1 from only $f$ || one.name || $f$ limit 1$f$ loop
      raise exception $f$rows came into % meanwhile$f$, one.name;
    end loop;'
  else
    echo '    if pointed_at then execute $f$delete from only $f$ || one.name; end if;'
  fi
  echo '  end loop;'
  # All in one statement, since they may point at each other.
  [ -z "$replace" ] || echo '  if not pointed_at then
    execute $f$truncate only $f$ || array_to_string(array(select name::text from pg_temp.pgsite_tables), $f$, only $f$);
  end if;'
  echo 'end $pgsite$;
set local session_replication_role = origin;'
}

# foreign_keys DATABASE: SQL that fails if a row of the wanted tables that are there, or one that points at them, points at nothing.
foreign_keys() {
  awk -F '\t' '$3 == "rows" || $3 == "empty" { print "-\t" $1 "\t" $2 }' "$scratch/tables" >"$scratch/present"
  [ -s "$scratch/present" ] || return 0
  {
    echo "set search_path = pg_catalog;
select 'do ' || quote_literal('begin if exists (select 1 from ' || case c.relkind when 'p' then '' else 'only ' end || k.conrelid::regclass || ' c where ' ||
  (select array_to_string(array(select 'c.' || quote_ident(a.attname) || ' is not null' from generate_series(1, array_upper(k.conkey, 1)) i join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[i]), ' and ')) ||
  ' and not exists (select 1 from ' || case p.relkind when 'p' then '' else 'only ' end || k.confrelid::regclass || ' p where ' ||
  (select array_to_string(array(select 'p.' || quote_ident(b.attname) || ' operator(' || quote_ident(m.nspname) || '.' || o.oprname || ') c.' || quote_ident(a.attname)
    from generate_series(1, array_upper(k.conkey, 1)) i join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[i] join pg_attribute b on b.attrelid = k.confrelid and b.attnum = k.confkey[i]
      join pg_operator o on o.oid = k.conpfeqop[i] join pg_namespace m on m.oid = o.oprnamespace), ' and ')) ||
  ')) then raise exception ' || quote_literal('rows of ' || replace(k.conrelid::regclass::text, '%', '%%') || ' would point at nothing in ' || replace(k.confrelid::regclass::text, '%', '%%') || ' (' || replace(k.conname, '%', '%%') || ')') || '; end if; end') || ';'
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_class p on p.oid = k.confrelid
where k.contype = 'f' and exists (select 1 from (values"
    values "$scratch/present"
    echo ") as x(s, t) join pg_namespace n on n.nspname = x.s join pg_class w on w.relnamespace = n.oid and w.relname = x.t where w.oid in (k.conrelid, k.confrelid))"
    # What was never true need not become it.
    [ "$server_number" -lt 901 ] || echo "and k.convalidated"
    echo "order by k.oid;"
  } >"$scratch/look.sql"
  timeout "$sql_seconds" "$psql" -X -q -A -t -w -v ON_ERROR_STOP=1 -d "$(database "$1")" -f "$scratch/look.sql" 2>"$why"
}
