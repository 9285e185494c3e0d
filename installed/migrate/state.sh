# shellcheck shell=sh
# What a migration remembers, in each target database, and how a table gets there: once, by what both catalogues say.
# shellcheck disable=SC2034,SC2154

# script DATABASE FILE [NAME=VALUE…]: the statements of a file, on the target.
script() {
  script_database=$1 script_file=$2
  shift 2
  for pair; do
    set -- "$@" -v "$pair"
    shift
  done
  "$psql" -X -q -A -t -w -F "$tab" -v ON_ERROR_STOP=1 "$@" -d "$(database "$script_database")" -f "$script_file" 2>"$why" 9>&-
}

# databases: those that have something deferred, a line each.
databases() { cut -f 1 "$here/databases" | sort -u; }

# matches DATABASE: an SQL condition on n.nspname and c.relname.
matches() {
  cut_pattern=$(awk -F "$tab" -v name="$1" '$1 == name { print $2 "\t" $3 }' "$here/databases")
  condition=''
  while IFS=$tab read -r schema_pattern table_pattern; do
    condition="${condition:+$condition OR }(n.nspname ~ $(literal "$schema_pattern") AND c.relname ~ $(literal "$table_pattern"))"
  done <<END
$cut_pattern
END
  printf '(%s)' "$condition"
}

# has_state DATABASE
has_state() { [ "$(sql "$1" "SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'pgsite_migration' AND c.relname = 'indexes'")" = 1 ]; }

make_state() {
  has_state "$1" || PGOPTIONS="$PGOPTIONS -c client_min_messages=error" script "$1" "$here/schema.sql"
}

# renew DATABASE SOURCE: a state of an upgrade before, which was dumped and restored as all else, makes room if that was through.
renew() {
  has_state "$1" || return 0
  earlier=$(sql "$1" "SELECT source FROM pgsite_migration.control WHERE source <> $(literal "$2")") || return 1
  [ -n "$earlier" ] || return 0
  unfinished=$(sql "$1" "SELECT count(*) FROM pgsite_migration.tables WHERE status <> 'done'") || return 1
  [ "$unfinished" = 0 ] || die 78 "$1 has the state of another migration, of the cluster $earlier, and $unfinished tables of it are not through"
  sql "$1" 'DROP SCHEMA pgsite_migration CASCADE' >/dev/null
}

# prepare DATABASE: notes which of its tables have no row yet, before anybody may write.
prepare() {
  renew "$1" '' && make_state "$1" || return 1
  sql "$1" "SELECT pg_catalog.format('INSERT INTO pgsite_migration.prepared SELECT %L, %L WHERE NOT EXISTS (SELECT 1 FROM ONLY %I.%I) AND NOT EXISTS (SELECT 1 FROM pgsite_migration.prepared WHERE nspname = %L AND relname = %L);', n.nspname, c.relname, n.nspname, c.relname, n.nspname, c.relname)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE $(is_deferred "$1")" >"$scratch/prepare.sql" &&
    script "$1" "$scratch/prepare.sql"
}

# is_deferred DATABASE: an SQL condition on c and n. A partition is a table of its own, as it is to the dump.
is_deferred() { echo "c.relkind = 'r' AND n.nspname <> 'information_schema' AND n.nspname <> 'pgsite_migration' AND n.nspname !~ '^pg_' AND $(matches "$1")"; }

# Hashes that every version has, of the values themselves; of another type, of its text. A row's is the XOR of them, each times a number of
# its column, so that a value that came into another column or row is seen. They are compared before they are used.
probe="SELECT pg_catalog.concat_ws(' ', pg_catalog.hashint8(-12345678901), pg_catalog.hashtext('pgsite'), pg_catalog.hashtext(pg_catalog.repeat('history ', 99)),
  pg_catalog.hashfloat8(1.1), pg_catalog.timestamp_hash('2026-11-30 01:02:03.456789'), pg_catalog.uuid_hash('00112233-4455-6677-8899-aabbccddeeff'))"

# hash_sql: an SQL expression of the hash of the column a.attname, as SQL text; $as_text where the two servers hash in different ways.
hash_sql() {
  collate="COLLATE \"C\""
  [ "$source_number" -ge 901 ] || collate=''
  number="((a.position * 654323) % 1048573)"
  text="'pg_catalog.hashtext(' || quote_ident(a.attname) || '::text $collate)'"
  if [ -n "$as_text" ]; then
    text="'(''x'' || pg_catalog.substr(pg_catalog.md5(' || quote_ident(a.attname) || '::text), 1, 8))::bit(32)::int4'"
    cases="$text"
  else
    cases="CASE
      WHEN a.base IN ('int2', 'int4', 'int8') THEN 'pg_catalog.hashint8(' || quote_ident(a.attname) || '::int8)'
      WHEN a.base IN ('float4', 'float8') THEN 'pg_catalog.hashfloat8(' || quote_ident(a.attname) || '::float8)'
      WHEN a.base IN ('timestamp', 'timestamptz') THEN 'pg_catalog.timestamp_hash(' || quote_ident(a.attname) || '::timestamp)'
      WHEN a.base = 'uuid' THEN 'pg_catalog.uuid_hash(' || quote_ident(a.attname) || '::uuid)'
      ELSE $text END"
  fi
  echo "'coalesce(' || $cases || '::int8 * ' || $number || ', ' || a.position || ')'"
}

# list_sources DATABASE: the source's tables, as COPY writes them.
list_sources() {
  unlogged="c.relpersistence = 'u'"
  [ "$source_number" -ge 901 ] || unlogged=false
  generated="AND a.attgenerated = ''"
  [ "$source_number" -ge 1200 ] || generated=''
  key="FROM pg_index i, generate_series(0, 31) AS s, pg_attribute a WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid AND s < i.indnatts AND a.attnum = i.indkey[s]"
  [ "$source_number" -lt 1100 ] || key="$key AND s < i.indnkeyatts"
  from_source "$1" "COPY (
    WITH found AS (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE $(is_deferred "$1")),
    columns AS (SELECT a.attrelid, a.attname, row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS position,
        CASE WHEN n.nspname = 'pg_catalog' THEN coalesce(b.typname, t.typname) ELSE '' END AS base
      FROM pg_attribute a JOIN found ON found.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
      LEFT JOIN pg_type b ON b.oid = t.typbasetype AND b.typtype = 'b'
      JOIN pg_namespace n ON n.oid = coalesce(b.typnamespace, t.typnamespace)
      WHERE a.attnum > 0 AND NOT a.attisdropped $generated)
    SELECT n.nspname, c.relname, $unlogged, pg_relation_size(c.oid) / current_setting('block_size')::int, pg_total_relation_size(c.oid), CASE WHEN c.reltuples > 0 THEN c.reltuples::bigint ELSE pg_relation_size(c.oid) / 100 END,
      coalesce((SELECT array_to_string(array_agg(quote_ident(a.attname) ORDER BY s), ', ') $key), ''),
      coalesce((SELECT array_to_string(array_agg(quote_ident(a.attname) || ' DESC' ORDER BY s), ', ') $key), ''),
      coalesce((SELECT array_to_string(array_agg('quote_literal(' || quote_ident(a.attname) || '::text) || ' || quote_literal('::' || format_type(a.atttypid, a.atttypmod)) ORDER BY s), ' || '', '' || ') $key), ''),
      coalesce((SELECT array_agg(a.attname::text ORDER BY a.position) FROM columns a WHERE a.attrelid = c.oid), '{}'),
      coalesce((SELECT array_agg($(hash_sql) ORDER BY a.position) FROM columns a WHERE a.attrelid = c.oid), '{}')
    FROM found JOIN pg_class c ON c.oid = found.oid JOIN pg_namespace n ON n.oid = c.relnamespace) TO STDOUT" 2>"$why"
}

# register DATABASE: the tables that are to come, each of them once.
register() {
  as_text=''
  source_probe=$(from_source "$1" "$probe" 2>"$why") && target_probe=$(sql "$1" "SET timezone = 'UTC'; $probe") || return 1
  if [ "$source_probe" != "$target_probe" ] || [ -n "${PGSITE_HASH_AS_TEXT:-}" ]; then as_text=yes; fi
  list_sources "$1" >"$scratch/sources" || return 1
  {
    cat <<END
BEGIN;
LOCK TABLE pgsite_migration.tables;
TRUNCATE pgsite_migration.sources;
COPY pgsite_migration.sources FROM STDIN;
END
    cat "$scratch/sources"
    printf '%s\n' '\.'
    generated="AND a.attgenerated = ''"
    [ "$number" -ge 1200 ] || generated=''
    cat <<END
INSERT INTO pgsite_migration.tables (nspname, relname, status, reason, detail, target, columns, hash, key, key_back, key_literal, has_key, place, blocks, bytes, estimate, size)
SELECT s.nspname, s.relname,
  CASE WHEN t.reason = '' THEN 'rows' ELSE 'refused' END, t.reason, t.detail,
  pg_catalog.format('%I.%I', s.nspname, s.relname),
  coalesce((SELECT pg_catalog.string_agg(pg_catalog.quote_ident(x), ', ') FROM pg_catalog.unnest(s.columns) AS x), ''),
  CASE WHEN s.hashes = '{}' THEN '0' ELSE pg_catalog.array_to_string(s.hashes, ' # ') END,
  s.key, s.key_back, s.key_literal,
  s.key <> '' AND s.key = coalesce((SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY k.ordinality)
    FROM pg_catalog.pg_constraint p, pg_catalog.unnest(p.conkey) WITH ORDINALITY AS k (attnum, ordinality), pg_catalog.pg_attribute a
    WHERE p.conrelid = t.oid AND p.contype = 'p' AND a.attrelid = t.oid AND a.attnum = k.attnum), ''),
  coalesce(pg_catalog.pg_tablespace_location(t.reltablespace), ''),
  s.blocks, s.bytes, s.estimate, CASE WHEN s.key = '' THEN 256 ELSE greatest(20000, least(200000, s.estimate / 50)) END
FROM pgsite_migration.sources s
CROSS JOIN LATERAL (
  SELECT c.oid, nullif(c.reltablespace, 0) AS reltablespace,
    CASE WHEN c.oid IS NULL THEN 'missing' WHEN c.relkind <> 'r' THEN 'kind' WHEN differing.names IS NOT NULL THEN 'columns' WHEN s.unlogged THEN 'unlogged' ELSE '' END AS reason,
    CASE WHEN c.oid IS NOT NULL AND c.relkind = 'r' THEN coalesce(differing.names, '') ELSE '' END AS detail
  FROM (SELECT 1) AS one
  LEFT JOIN (pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace) ON n.nspname = s.nspname AND c.relname = s.relname
  CROSS JOIN LATERAL (SELECT pg_catalog.string_agg(coalesce(x, y), ', ' ORDER BY coalesce(x, y)) AS names FROM pg_catalog.unnest(s.columns) AS x
    FULL JOIN (SELECT a.attname::text AS y FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped $generated) AS own ON x = y
    WHERE x IS NULL OR y IS NULL) AS differing
) AS t
WHERE NOT EXISTS (SELECT 1 FROM pgsite_migration.tables old WHERE old.nspname = s.nspname AND old.relname = s.relname)
ORDER BY s.bytes, s.nspname, s.relname;
COMMIT;
SELECT pg_catalog.format('UPDATE pgsite_migration.tables SET status = ''refused'', reason = ''not empty'' WHERE number = %s AND EXISTS (SELECT 1 FROM ONLY %s);', t.number, t.target)
FROM pgsite_migration.tables t LEFT JOIN pgsite_migration.prepared p USING (nspname, relname) WHERE t.status = 'rows' AND t.began IS NULL AND p.nspname IS NULL;
END
  } >"$scratch/register.sql"
  script "$1" "$scratch/register.sql" >"$scratch/empty.sql" && script "$1" "$scratch/empty.sql" &&
    sql "$1" "UPDATE pgsite_migration.tables SET began = now() WHERE status = 'rows' AND began IS NULL; UPDATE pgsite_migration.control SET source = $(literal "$source_identifier")"
}

# set_status DATABASE NUMBER STATUS REASON DETAIL: what was said before it is in $said_before, since its own statement takes $why.
set_status() {
  said_before=$(words_of_error)
  sql "$1" "UPDATE pgsite_migration.tables SET status = $(literal "$3"), reason = $(literal "$4"), detail = $(literal "$5") WHERE number = $2" >/dev/null
}

# waits DATABASE FOR [DETAIL]: why nothing goes on; empty: it does.
waits() {
  sql "$1" "UPDATE pgsite_migration.control SET waits_for = $(literal "$2"), detail = $(literal "${3:-}"), since = CASE WHEN waits_for = $(literal "$2") THEN since ELSE now() END
    WHERE waits_for <> $(literal "$2") OR detail <> $(literal "${3:-}")" >/dev/null
}
