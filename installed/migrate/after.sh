# shellcheck shell=sh
# What there is to do before the rows of a table, and after them. Nothing of it keeps others waiting: locks are asked for with a limit.
# shellcheck disable=SC2034,SC2154

# long DATABASE STATEMENT: one that may take hours; a signal that ends this program ends it too. A server lets nobody wait for an autovacuum
# longer than deadlock_timeout.
long() {
  impatient='-c deadlock_timeout=100ms'
  [ "$number" -ge 901 ] || impatient=''
  PGOPTIONS="$PGOPTIONS -c statement_timeout=0 -c lock_timeout=$lock_timeout $impatient" "$psql" -X -q -A -t -w -F "$tab" -v ON_ERROR_STOP=1 -v VERBOSITY=verbose \
    -d "$(database "$1")" -c "$2" >"$scratch/long" 2>"$why" 9>&- &
  long_process=$!
  wait "$long_process"
}

# sequences DATABASE: none is behind the source's, so that new life takes no number that history has.
sequences() {
  from_source "$1" "SELECT 'SELECT ' || quote_literal(quote_ident(n.nspname) || '.' || quote_ident(c.relname)) || '::text, last_value, is_called FROM ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'S' AND n.nspname !~ '^pg_'" >"$scratch/sequences" 2>"$why" || return 1
  [ -s "$scratch/sequences" ] || return 0
  from_source "$1" "COPY ($(awk 'NR > 1 { print "UNION ALL" } { print }' "$scratch/sequences")) TO STDOUT" >"$scratch/values" 2>"$why" || return 1
  argument=v.name
  [ "$number" -ge 906 ] || argument=v.name::cstring
  # Which way it counts: until 9.6 the sequence itself says it.
  if [ "$number" -ge 1000 ]; then way=q.seqincrement from='JOIN pg_catalog.pg_sequence q ON q.seqrelid = c.oid'; else way="'s.increment_by'" from=''; fi
  {
    echo 'CREATE TEMP TABLE v (name text, value bigint, called boolean);'
    echo 'COPY v FROM STDIN;'
    cat "$scratch/values"
    printf '%s\n' '\.'
    echo "SELECT pg_catalog.format('SELECT pg_catalog.setval(%L, %s, %L) FROM %s s WHERE CASE WHEN %s > 0 THEN s.last_value < %s ELSE s.last_value > %s END OR (s.last_value = %s AND %L AND NOT s.is_called);',
      v.name, v.value, v.called, v.name, $way, v.value, v.value, v.value, v.called)
      FROM v JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass($argument) $from WHERE c.relkind = 'S';"
  } >"$scratch/sequences.sql"
  script "$1" "$scratch/sequences.sql" >"$scratch/setval.sql" && script "$1" "$scratch/setval.sql" >/dev/null
}

# set_aside_indexes DATABASE: before the rows of a large table that nobody uses yet. Indexes that hold something (unique ones, what a
# constraint or a partitioned index goes by, a replica's identity) stay. What was noted and is there still goes, however often this is begun.
set_aside_indexes() {
  sql "$1" "INSERT INTO pgsite_migration.indexes (\"table\", nspname, relname, definition, tablespace, comment)
    SELECT t.number, n.nspname, c.relname, pg_catalog.pg_get_indexdef(c.oid), coalesce((SELECT spcname FROM pg_catalog.pg_tablespace s WHERE s.oid = c.reltablespace), ''),
      pg_catalog.obj_description(c.oid, 'pg_class')
    FROM pgsite_migration.tables t JOIN pg_catalog.pg_index i ON i.indrelid = pg_catalog.to_regclass($(if [ "$number" -ge 906 ]; then echo t.target; else echo t.target::cstring; fi))
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE t.number = $table AND t.batches = 0 AND t.bytes >= $aside_bytes AND NOT EXISTS (SELECT 1 FROM ONLY $target)
    AND NOT i.indisunique AND NOT i.indisclustered AND NOT i.indisreplident AND i.indisvalid
    AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_inherits h WHERE h.inhrelid = c.oid)
    AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k WHERE k.conindid = c.oid)
    AND NOT EXISTS (SELECT 1 FROM pgsite_migration.indexes x WHERE x.\"table\" = t.number AND x.relname = c.relname);
  SELECT nspname, relname FROM pgsite_migration.indexes WHERE \"table\" = $table AND NOT is_made" >"$scratch/aside" || return 1
  while IFS=$tab read -r schema name; do
    long "$1" "DROP INDEX CONCURRENTLY IF EXISTS $(identifier "$schema").$(identifier "$name")" || return 1
  done <"$scratch/aside"
  sql "$1" "UPDATE pgsite_migration.tables SET is_set_aside = true WHERE number = $table" >/dev/null
}

# memory_for_indexes DATABASE: an option of the session that makes them, where it may have more than the server's maintenance_work_mem is.
memory_for_indexes() {
  has=$(sql "$1" "SELECT setting FROM pg_catalog.pg_settings WHERE name = 'maintenance_work_mem'") || return 1
  most=$(awk '$1 == "MemTotal:" { printf("%d", $2 / 8) }' /proc/meminfo 2>/dev/null)
  [ "${most:-0}" -lt 262144 ] || most=262144
  [ "${most:-0}" -le "$has" ] || echo "-c maintenance_work_mem=${most}kB"
}

# make_indexes DATABASE: those that were set aside; one that was cut off is invalid, and made again.
make_indexes() {
  sql "$1" "SELECT x.nspname, x.relname, CASE WHEN i.indisvalid THEN 'valid' WHEN i.indexrelid IS NULL THEN 'gone' ELSE 'invalid' END, x.tablespace,
      pg_catalog.regexp_replace(x.definition, '^CREATE INDEX', 'CREATE INDEX CONCURRENTLY'),
      CASE WHEN x.comment IS NULL THEN '' ELSE pg_catalog.format('; COMMENT ON INDEX %I.%I IS %L', x.nspname, x.relname, x.comment) END
    FROM pgsite_migration.indexes x LEFT JOIN (pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid)
      ON n.nspname = x.nspname AND c.relname = x.relname WHERE x.\"table\" = $table AND NOT x.is_made" | tr '\t' '\037' >"$scratch/make"
  separator=$(printf '\037')
  while IFS=$separator read -r schema name state tablespace definition comment; do
    full="$(identifier "$schema").$(identifier "$name")"
    if [ "$state" = invalid ]; then
      long "$1" "DROP INDEX CONCURRENTLY IF EXISTS $full" || return 1
    fi
    if [ "$state" != valid ]; then
      say "making the index $full"
      # What is set in a statement beside it would put it into a transaction, where it may not be.
      saved=$PGOPTIONS
      PGOPTIONS="$PGOPTIONS $(memory_for_indexes "$1")"
      [ -z "$tablespace" ] || PGOPTIONS="$PGOPTIONS -c default_tablespace=$(printf '%s' "$tablespace" | sed 's/[\\ ]/\\&/g')"
      long "$1" "$definition" || {
        PGOPTIONS=$saved
        return 1
      }
      PGOPTIONS=$saved
    fi
    sql "$1" "UPDATE pgsite_migration.indexes SET is_made = true WHERE \"table\" = $table AND relname = $(literal "$name")$comment" >/dev/null || return 1
  done <"$scratch/make"
}

# foreign_keys DATABASE: each is proven by a query, which takes no lock that anybody waits for; one that is not valid yet is made so.
foreign_keys() {
  sql "$1" "SELECT k.conname, CASE WHEN k.convalidated THEN
      pg_catalog.format('SELECT count(*) FROM ONLY %s f LEFT JOIN %s %s r ON %s WHERE %s AND r.%I IS NULL', $(literal "$target"),
        CASE WHEN r.relkind = 'p' THEN '' ELSE 'ONLY' END, k.confrelid::regclass, parts.matched, parts.given, parts.first)
      ELSE pg_catalog.format('ALTER TABLE ONLY %s VALIDATE CONSTRAINT %I', $(literal "$target"), k.conname) END
    FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class r ON r.oid = k.confrelid CROSS JOIN LATERAL (
      SELECT pg_catalog.string_agg(pg_catalog.format('r.%I = f.%I', b.attname, a.attname), ' AND ') AS matched,
        pg_catalog.string_agg(pg_catalog.format('f.%I IS NOT NULL', a.attname), ' AND ') AS given, pg_catalog.min(b.attname::text) AS first
      FROM pg_catalog.generate_subscripts(k.conkey, 1) AS s JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[s]
      JOIN pg_catalog.pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = k.confkey[s]) AS parts
    WHERE k.conrelid = $(literal "$target")::regclass AND k.contype = 'f'" >"$scratch/keys" || return 1
  while IFS=$tab read -r name statement; do
    long "$1" "$statement" || {
      state_of_error
      [ "$sqlstate" = 23503 ] || return 1
      echo 1 >"$scratch/long"
    }
    orphans=$(cat "$scratch/long")
    if [ "${orphans:-0}" != 0 ]; then
      set_status "$1" "$table" failed 'foreign key' "$name $orphans"
      return 2
    fi
  done <"$scratch/keys"
}

# Of the next table whose rows are there.
after_table="SELECT number, target, rows FROM pgsite_migration.tables WHERE status = 'after' ORDER BY number LIMIT 1"

# finish_table DATABASE: 0 done, 1 to be tried again, 2 the table has failed, 3 none is left.
finish_table() {
  told=$(sql "$1" "$after_table") || return 1
  [ -n "$told" ] || return 3
  IFS=$tab read -r table target rows <<END
$told
END
  # Batches that left a gap between them, or a source that is another now, would show here. Indexes take one processor, counting another.
  from_source "$1" "SELECT count(*) FROM ONLY $target" >"$scratch/counted" 2>"$scratch/why_count" 9>&- &
  counting=$!
  made=0
  make_indexes "$1" || made=1
  wait "$counting" || {
    cp -- "$scratch/why_count" "$why"
    return 1
  }
  counted=$(cat "$scratch/counted")
  if [ "$counted" != "$rows" ]; then
    set_status "$1" "$table" failed count "$rows $counted"
    return 2
  fi
  [ "$made" = 0 ] || return 1
  foreign_keys "$1" || return $?
  long "$1" "ANALYZE $target" || return 1
  sql "$1" "UPDATE pgsite_migration.tables SET status = 'done', ended = now() WHERE number = $table" >/dev/null || return 1
  say "$target: $rows rows, compared with their source"
}
