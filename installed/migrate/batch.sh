# shellcheck shell=sh
# Batches of rows. All that is remembered of one is written in the transaction that brings its rows. The next one's
# rows are on their way while those of the one before are compared and committed: each has files of its own, $scratch/NUMBER.*.
# shellcheck disable=SC2034,SC2154

# Of the next table: what a batch has to know of it. Sizes grow by what the last ones took; whoever throttles gets no more at once either.
next_table="SELECT number, target, columns, hash, key, key_back, key_literal, CASE WHEN has_key THEN 1 ELSE 0 END, blocks, last_key, next_block, size, batches,
  CASE WHEN is_set_aside THEN 1 ELSE 0 END FROM pgsite_migration.tables WHERE status = 'rows' AND began IS NOT NULL ORDER BY number LIMIT 1"

# read_table DATABASE: sets $table and its fields; 1 where there is none left, 2 where the target cannot be asked. No field has a tab:
# a name with one is refused by escapes that do not read back as a name.
read_table() {
  sql "$1" "$next_table" >"$scratch/table" || return 2
  [ -s "$scratch/table" ] || return 1
  # Empty fields are fields: tab is white space to read.
  tr '\t' '\037' <"$scratch/table" >"$scratch/fields"
  IFS=$(printf '\037') read -r table target columns hash key key_back key_literal has_key blocks last_key next_block batch_size batches set_aside <"$scratch/fields"
}

# Types whose binary form is the same in every version, and has no OID in it. It takes half the time to read that text does.
same_in_all='bool int2 int4 int8 float4 float8 text varchar bpchar name date time timetz timestamp timestamptz interval numeric uuid bytea json jsonb'

# form_of_rows DATABASE: sets $binary, empty where rows are to be text: a type is another one in the target, or none of those, or psql
# takes no rows beside its statements.
form_of_rows() {
  binary=''
  [ "$number" -ge 903 ] && [ "${as_text_only:-}" != "$table" ] || return 0
  # \copy is one line.
  [ "$(printf '%s\n' "$target ($columns)" | wc -l)" -eq 1 ] || return 0
  types="SELECT pg_catalog.bool_and(t.typtype = 'b' AND n.nspname = 'pg_catalog' AND ' $same_in_all ' LIKE '% ' || t.typname || ' %'), pg_catalog.current_setting('integer_datetimes'),
    pg_catalog.array_agg(pg_catalog.quote_ident(a.attname) || ' ' || t.typname ORDER BY a.attname) FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
    WHERE a.attrelid = $(literal "$target")::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped"
  from_source "$1" "$types" >"$scratch/types_source" 2>"$why" && sql "$1" "$types" >"$scratch/types_target" || return 1
  if grep -q '^t' "$scratch/types_source" && cmp -s "$scratch/types_source" "$scratch/types_target"; then binary=yes; fi
}

# bounds DATABASE: sets $range, a condition on the source's rows, $upper and $is_last; the next batch's place.
bounds() {
  is_last=''
  if [ -n "$key" ]; then
    after=''
    [ -z "$last_key" ] || after="WHERE ($key) > ($last_key)"
    upper=$(from_source "$1" "SELECT $key_literal FROM ONLY $target $after ORDER BY $key OFFSET $((batch_size - 1)) LIMIT 1" 2>"$why" 9>&-) || return 1
    if [ -z "$upper" ]; then
      is_last=yes
      upper=$(from_source "$1" "SELECT $key_literal FROM ONLY $target $after ORDER BY $key_back LIMIT 1" 2>"$why" 9>&-) || return 1
    fi
    range="($key) <= ($upper)${last_key:+ AND ($key) > ($last_key)}"
    order="ORDER BY $key"
    new_block=0
    [ -n "$upper" ] || range=false
  else
    upper='' order=''
    new_block=$((next_block + batch_size))
    if [ "$new_block" -ge "$blocks" ]; then
      is_last=yes new_block=$blocks
    fi
    if [ "$source_number" -ge 1400 ]; then range="ctid >= '($next_block,0)'::tid AND ctid < '($new_block,0)'::tid"
    # Until 13 a range of places is a scan of all: each place is asked for, as many as a block may have.
    else range="ctid = ANY (ARRAY(SELECT ('(' || b || ',' || o || ')')::tid FROM generate_series($next_block, $((new_block - 1))) AS b, generate_series(1, current_setting('block_size')::int / 28) AS o))"; fi
    [ "$new_block" -gt "$next_block" ] || range=false
  fi
}

# sums_of_source DATABASE: of the batch's rows, reckoned while they are copied: begun here, and had by sums_are_there.
sums_of_source() {
  echo "0 0" >"$mine.sums"
  sums_process=''
  [ "$range" != false ] || return 0
  (
    source_options="$source_options -c extra_float_digits=$digits"
    from_source "$1" "SELECT pg_catalog.count(*) || ' ' || coalesce(pg_catalog.sum($hash), 0) FROM ONLY $target WHERE $range"
  ) >"$mine.sums" 2>"$mine.why_sums" 6>&- 7>&- &
  sums_process=$!
}

# sums_are_there: sets $sent_rows and $sent_sum.
sums_are_there() {
  if [ -n "$sums_process" ] && ! wait "$sums_process"; then
    cp -- "$mine.why_sums" "$mine.why_source"
    return 1
  fi
  read -r sent_rows sent_sum <"$mine.sums" && [ -n "$sent_sum" ]
}

# before_is_kept: whether the batch before this one, if it was on its way too, has been committed; waits until its psql has ended. Its word
# is what counts: a lock that is free says only that it has ended.
before_is_kept() {
  [ -n "$before" ] || return 0
  flock "$before.compared" true 2>/dev/null 7>&-
  grep -qs '^committed$' "$before.said"
}

# rows_of_source DATABASE: the batch's, to psql's statements as text, or beside them.
rows_of_source() {
  rows="COPY (SELECT $columns FROM ONLY $target WHERE $range $order) TO STDOUT"
  if [ -n "$binary" ]; then from_source "$1" "$rows (FORMAT binary)" 2>"$mine.why_source" >&6
  else from_source "$1" "$rows" 2>"$mine.why_source" 6>&-; fi
}

# rows_to_target DATABASE: prints what psql says to the target. COMMIT is said only when the source's program has ended well, its sums are
# there and the batch before is kept: what ends before leaves a transaction that nobody commits.
rows_to_target() {
  # A part that was not printed would leave another transaction than this.
  cat <<END || return
\\set VERBOSITY verbose
\\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL synchronous_commit = off;
SET LOCAL session_replication_role = replica;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = '$lock_timeout';
SET LOCAL xmloption = content;
SET LOCAL datestyle = ISO;
SET LOCAL intervalstyle = postgres;
SET LOCAL timezone = UTC;
SET LOCAL lc_monetary = 'C';
SET LOCAL bytea_output = hex;
SET LOCAL standard_conforming_strings = on;
END
  [ "$number" -lt 906 ] || echo 'SET LOCAL idle_in_transaction_session_timeout = 0;'
  [ "$number" -lt 1700 ] || echo 'SET LOCAL transaction_timeout = 0;'
  # The server's own process for this session too: on a host with few processors the statements of others are not to wait for history.
  [ -z "$niceness" ] || cat <<END || return
SELECT pg_catalog.pg_backend_pid() AS pid \\gset
\\setenv PGSITE_PID :pid
\\! renice -n $niceness -p "\$PGSITE_PID" >/dev/null 2>&1
END
  cat <<END || return
INSERT INTO pgsite_migration.batches ("table", number) VALUES ($table, $((batches + 1)));
SELECT pg_catalog.pg_relation_size($(literal "$target")) / pg_catalog.current_setting('block_size')::int AS blocks \\gset
END
  sums_of_source "$1"
  if [ -n "$binary" ]; then printf '%s\n' "\\copy $target ($columns) FROM PROGRAM 'cat <&6' (FORMAT binary)"
  else echo "COPY $target ($columns) FROM STDIN;"; fi
  if [ "$range" != false ]; then
    rows_of_source "$1" || {
      echo source >"$mine.failed"
      return
    }
  fi
  exec 6>&-
  [ -n "$binary" ] || printf '%s\n' '\.'
  # The next one's rows may come, which is waited for by the lock.
  true >"$mine.sent"
  exec 7>&-
  before_is_kept || {
    echo before >"$mine.failed"
    return
  }
  own="xmin = (pg_catalog.txid_current() % 4294967296)::text::xid"
  sums="SELECT pg_catalog.count(*) AS found_rows, coalesce(pg_catalog.sum($hash), 0) AS found_sum FROM ONLY $target WHERE"
  if [ "$has_key" = 1 ]; then
    printf "SET LOCAL extra_float_digits = %s;\nSET LOCAL enable_seqscan = off;\n%s %s AND %s \\gset\nSET LOCAL enable_seqscan = on;\n" "$digits" "$sums" "$range" "$own"
  else printf 'SET LOCAL extra_float_digits = %s;\n' "$digits"; fi
  sums_are_there || {
    echo source >"$mine.failed"
    return
  }
  if [ "$has_key" != 1 ]; then
    # Rows are put at the end of a table as a rule; where some went into room that was free before, all of it is looked through.
    cat <<END || return
WITH near AS ($sums ctid >= ('(' || greatest(:blocks - 64, 0) || ',0)')::tid AND $own), far AS ($sums $own)
SELECT CASE WHEN (SELECT found_rows FROM near) = $sent_rows THEN (SELECT found_rows FROM near) ELSE (SELECT found_rows FROM far) END AS found_rows,
  CASE WHEN (SELECT found_rows FROM near) = $sent_rows THEN (SELECT found_sum FROM near) ELSE (SELECT found_sum FROM far) END AS found_sum \\gset
END
  fi
  next_key=$(literal "$upper")
  [ -z "$upper" ] || [ "$next_key" != "E''" ] || return
  becomes=rows
  [ -z "$is_last" ] || becomes=after
  if [ -n "$key" ]; then units=$sent_rows most=2000000
  else
    units=$((new_block - next_block)) most=2048
    [ "$source_number" -lt 1400 ] || most=65536
  fi
  # What the last seconds brought counts two fifths. From one batch to the next a size grows fourfold at most. Where another one than the
  # batch before was the last to be kept, the UPDATE gives no row, which \gset takes for a failure: psql ends there.
  cat <<END
\\echo sent $sent_rows $sent_sum found :found_rows :found_sum
UPDATE pgsite_migration.batches SET units = $units, rows = $sent_rows, checksum = $sent_sum,
  found_rows = :found_rows, found_checksum = :found_sum, ended = clock_timestamp(),
  seconds = extract(epoch FROM clock_timestamp() - transaction_timestamp()) WHERE "table" = $table AND number = $((batches + 1));
UPDATE pgsite_migration.tables t SET rows = t.rows + b.rows, checksum = t.checksum + b.checksum, batches = b.number, next_block = $new_block,
  last_key = CASE WHEN $next_key = '' THEN last_key ELSE $next_key END,
  status = '$becomes', rate = b.rate,
  size = greatest(1, least(b.rate * $batch_seconds, t.size * 4.0, $most,
    (SELECT coalesce(c.throttle * $batch_seconds * b.units / greatest(b.rows, 1), t.size * 4.0) FROM pgsite_migration.control c)))::bigint
FROM (SELECT n.*, CASE WHEN o.rate IS NULL THEN n.units / greatest(n.seconds, 0.001) ELSE 0.6 * o.rate + 0.4 * n.units / greatest(n.seconds, 0.001) END AS rate
  FROM pgsite_migration.batches n JOIN pgsite_migration.tables o ON o.number = n."table" WHERE n."table" = $table AND n.number = $((batches + 1))) AS b
WHERE t.number = $table AND t.batches = b.number - 1
RETURNING pg_catalog.round((b.seconds * 1000)::numeric) AS took \\gset
\\echo seconds :took
COMMIT;
\\echo committed
END
}

# begin_batch DATABASE [FILES]: starts the batch whose place is known, which is kept only after that of FILES. Sets $mine, its files, and
# $process, and does not wait. Two locks say how far it is, whoever is killed: `sending` ends with its rows, `compared` with its psql.
begin_batch() {
  # Until 11 a float's text has other digits than later; both round to as many as both have.
  digits=3
  [ "$source_number" -ge 1200 ] || digits=0
  [ -n "${2:-}" ] || rm -f -- "$scratch"/[0-9]*.*
  flights=$((${flights:-0} + 1))
  mine=$scratch/$flights before=${2:-}
  mkfifo -m 0600 "$mine.data" || return 1
  {
    flock 7
    flock 8
    # This program's lock goes with the last of those that bring rows. Each waits for the other to open the FIFO; from then on it is a pipe,
    # which ends with either of them.
    # shellcheck disable=SC2094
    rows_to_target "$1" 2>"$mine.rows" 6>"$mine.data" 8>&- | PGCLIENTENCODING=$encoding "$psql" -X -q -A -t -w -d "$(database "$1")" -f - >"$mine.said" 2>"$mine.why" 6<"$mine.data" 7>&- &
    process=$!
  } 7>"$mine.sending" 8>"$mine.compared"
}

# begin_next DATABASE: starts the batch after the one on its way, when all rows of that have been sent. 1: it is not to begin yet.
begin_next() {
  [ -z "$is_last" ] && [ "${throttle:-0}" = 0 ] || return 1
  # Where the state is another than this run believes, it is read anew before anything goes on.
  batch_size=$(sql "$1" "SELECT size FROM pgsite_migration.tables WHERE number = $table AND batches = $batches AND status = 'rows'") || return 1
  [ -n "$batch_size" ] || return 1
  batches=$((batches + 1)) last_key=$upper next_block=$new_block
  bounds "$1" || return 1
  flock "$mine.sending" true 9>&- &
  wait $!
  [ -e "$mine.sent" ] && may_go_on "$1" && [ "${throttle:-0}" = 0 ] || return 1
  begin_batch "$1" "$mine"
}

# end_batch DATABASE FILES PROCESS: 0: its rows are there; 1: not, and it may be tried again; 2: the table has failed.
end_batch() {
  wait "$3"
  if grep -q '^committed$' "$2.said" && [ ! -s "$2.failed" ]; then
    moved=$(sed -n 's/^sent \([0-9]*\) .*/\1/p' "$2.said")
    took=$(sed -n 's/^seconds \([0-9]*\)$/\1/p' "$2.said")
    return 0
  fi
  # Before what the target says: a line that was cut off is one that it does not take. psql reads on to the end of what it does not take.
  if [ -s "$2.failed" ]; then
    : >"$why"
    [ "$(cat "$2.failed")" != before ] || return 1
    cp -- "$2.why_source" "$why"
    source_failed "$1"
    return
  fi
  cp -- "$2.why" "$why"
  state_of_error
  # Rows that ended in their middle, since `cat` was killed, or that the target does not read: as text, until this program ends.
  case ${binary:-text}$sqlstate in
    yes08P01 | yes22P0[34])
      as_text_only=$table
      return 1
      ;;
  esac
  case $sqlstate in
    # Somebody has a lock, the server goes down or is full, or the session was ended.
    '' | 08* | 40* | 53* | 55P03 | 57*) return 1 ;;
  esac
  # A batch that was taken for lost has been kept: the state says where to go on.
  if [ "$sqlstate" = 23505 ] && grep -q batches_pkey "$why"; then return 1; fi
  if [ "$sqlstate" = 23514 ] && grep -q found_is_sent "$why"; then
    set_status "$1" "$table" failed checksum "$(sed -n 's/^sent //p' "$2.said")"
  else set_status "$1" "$table" failed "$sqlstate" "$(words_of_error)"; fi
  return 2
}

# bring_rows DATABASE: of $table, batch after batch, until nothing may begin before the last one is kept, which the caller finds out anew.
# 0: the rows of all that it began are there; 1: not, and it may be tried again; 2: the table has failed.
bring_rows() {
  if ! form_of_rows "$1" || ! bounds "$1"; then
    source_failed "$1"
    return
  fi
  begin_batch "$1"
  earlier=''
  while :; do
    first=$mine first_process=$process
    begin_next "$1"
    end_batch "$1" "$first" "$first_process"
    ended=$?
    if [ "$ended" != 0 ]; then
      # The next one would end without COMMIT by itself, once it has sent its rows.
      if [ "$mine" != "$first" ]; then
        kill "$process" 2>/dev/null
        wait "$process"
      fi
      return "$ended"
    fi
    tries=0
    [ "$mine" != "$first" ] || return 0
    # The next one still asks whether this one is kept.
    [ -z "$earlier" ] || rm -f -- "$earlier".*
    earlier=$first
  done
}

# source_failed DATABASE: by what the source's psql said. One that was ended, or lost its server, gives no SQLSTATE.
source_failed() {
  state_of_error
  case $sqlstate in '' | 08* | 53* | 57*) return 1 ;; esac
  set_status "$1" "$table" failed "source $sqlstate" "$(words_of_error)"
  return 2
}

# state_of_error: $sqlstate of what psql said last; empty where it has none, as when it cannot connect.
state_of_error() {
  sqlstate=$(awk '{ if (match($0, /:  [0-9A-Z][0-9A-Z][0-9A-Z][0-9A-Z][0-9A-Z]: /)) { print substr($0, RSTART + 3, 5); exit } }' "$why")
}

words_of_error() { awk '/:  / { sub(/^psql:[^ ]* /, ""); print; if (++n == 2) exit }' "$why" | tr '\n' ' ' | cut -c 1-500; }
