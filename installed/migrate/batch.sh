# shellcheck shell=sh
# One batch of rows, and what it waits for. All that is remembered of it is written in the transaction that brings its rows.
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

# rows_to_target DATABASE: prints what psql says to the target. COMMIT is said only when the source's program has ended well and its sums
# are there: what ends before leaves a transaction that nobody commits.
rows_to_target() {
  cat <<END
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
  [ -z "$niceness" ] || cat <<END
SELECT pg_catalog.pg_backend_pid() AS pid \\gset
\\setenv PGSITE_PID :pid
\\! renice -n $niceness -p "\$PGSITE_PID" >/dev/null 2>&1
END
  cat <<END
INSERT INTO pgsite_migration.batches ("table", number) VALUES ($table, $((batches + 1)));
SELECT pg_catalog.pg_relation_size('$(printf '%s' "$target" | sed "s/'/''/g")') / pg_catalog.current_setting('block_size')::int AS blocks \\gset
COPY $target ($columns) FROM STDIN;
END
  if [ "$range" != false ]; then
    from_source "$1" "COPY (SELECT $columns FROM ONLY $target WHERE $range $order) TO STDOUT" 2>"$scratch/why.source" || {
      echo source >"$scratch/failed"
      return
    }
  fi
  printf '%s\n' '\.'
  # The target reckons while the source does.
  mine="xmin = (pg_catalog.txid_current() % 4294967296)::text::xid"
  sums="SELECT pg_catalog.count(*) AS found_rows, coalesce(pg_catalog.sum($hash), 0) AS found_sum FROM ONLY $target WHERE"
  if [ "$has_key" = 1 ]; then
    printf "SET LOCAL extra_float_digits = %s;\nSET LOCAL enable_seqscan = off;\n%s %s AND %s \\gset\nSET LOCAL enable_seqscan = on;\n" "$digits" "$sums" "$range" "$mine"
  else printf 'SET LOCAL extra_float_digits = %s;\n' "$digits"; fi
  if [ "$range" = false ]; then sent="0 0"; else
    sent=$(source_options="$source_options -c extra_float_digits=$digits" &&
      from_source "$1" "SELECT pg_catalog.count(*) || ' ' || coalesce(pg_catalog.sum($hash), 0) FROM ONLY $target WHERE $range" 2>"$scratch/why.source") || {
      echo source >"$scratch/failed"
      return
    }
  fi
  sent_rows=${sent%% *} sent_sum=${sent#* }
  if [ "$has_key" != 1 ]; then
    # Rows are put at the end of a table as a rule; where some went into room that was free before, all of it is looked through.
    cat <<END
WITH near AS ($sums ctid >= ('(' || greatest(:blocks - 64, 0) || ',0)')::tid AND $mine), far AS ($sums $mine)
SELECT CASE WHEN (SELECT found_rows FROM near) = $sent_rows THEN (SELECT found_rows FROM near) ELSE (SELECT found_rows FROM far) END AS found_rows,
  CASE WHEN (SELECT found_rows FROM near) = $sent_rows THEN (SELECT found_sum FROM near) ELSE (SELECT found_sum FROM far) END AS found_sum \\gset
END
  fi
  next_key=''
  [ -z "$upper" ] || next_key=$upper
  # What the last seconds brought counts two fifths. From one batch to the next a size grows fourfold at most.
  cat <<END
\\echo sent $sent_rows $sent_sum found :found_rows :found_sum
UPDATE pgsite_migration.batches SET units = $(if [ -n "$key" ]; then echo "$sent_rows"; else echo $((new_block - next_block)); fi), rows = $sent_rows, checksum = $sent_sum,
  found_rows = :found_rows, found_checksum = :found_sum, ended = clock_timestamp(),
  seconds = extract(epoch FROM clock_timestamp() - transaction_timestamp()) WHERE "table" = $table AND number = $((batches + 1));
UPDATE pgsite_migration.tables t SET rows = t.rows + b.rows, checksum = t.checksum + b.checksum, batches = b.number, next_block = $new_block,
  last_key = CASE WHEN $(literal "$next_key") = '' THEN last_key ELSE $(literal "$next_key") END,
  status = $(if [ -n "$is_last" ]; then echo "'after'"; else echo "'rows'"; fi), rate = b.rate,
  size = greatest(1, least(b.rate * $batch_seconds, t.size * 4.0, $(if [ -n "$key" ]; then echo "2000000"; elif [ "$source_number" -ge 1400 ]; then echo 65536; else echo 2048; fi),
    (SELECT coalesce(c.throttle * $batch_seconds * b.units / greatest(b.rows, 1), t.size * 4.0) FROM pgsite_migration.control c)))::bigint
FROM (SELECT n.*, CASE WHEN o.rate IS NULL THEN n.units / greatest(n.seconds, 0.001) ELSE 0.6 * o.rate + 0.4 * n.units / greatest(n.seconds, 0.001) END AS rate
  FROM pgsite_migration.batches n JOIN pgsite_migration.tables o ON o.number = n."table" WHERE n."table" = $table AND n.number = $((batches + 1))) AS b
WHERE t.number = $table AND t.batches = b.number - 1;
SELECT 'seconds ' || round(seconds::numeric * 1000) FROM pgsite_migration.batches b JOIN pgsite_migration.tables t ON t.number = b."table" AND t.batches = b.number WHERE b."table" = $table AND b.number = $((batches + 1));
COMMIT;
\\echo committed
END
}

# batch DATABASE: brings the next rows of $table. 0: they are there; 1: not, and it may be tried again; 2: the table has failed.
batch() {
  # Until 11 a float's text has other digits than later; both round to as many as both have.
  digits=3
  [ "$source_number" -ge 1200 ] || digits=0
  if ! bounds "$1"; then
    source_failed "$1"
    return
  fi
  rm -f -- "$scratch/failed"
  # This program's lock goes with the last of those that bring rows.
  rows_to_target "$1" 2>"$scratch/why.rows" | PGCLIENTENCODING=$encoding "$psql" -X -q -A -t -w -d "$(database "$1")" -f - >"$scratch/said" 2>"$why" &
  wait $!
  if grep -q '^committed$' "$scratch/said" && [ ! -s "$scratch/failed" ]; then
    moved=$(sed -n 's/^sent \([0-9]*\) .*/\1/p' "$scratch/said")
    took=$(sed -n 's/^seconds \([0-9]*\)$/\1/p' "$scratch/said")
    return 0
  fi
  if [ -s "$scratch/failed" ]; then
    cp -- "$scratch/why.source" "$why"
    source_failed "$1"
    return
  fi
  state_of_error
  case $sqlstate in
    # Somebody has a lock, the server goes down or is full, or the session was ended.
    '' | 08* | 40* | 53* | 55P03 | 57*) return 1 ;;
  esac
  if [ "$sqlstate" = 23514 ] && grep -q found_is_sent "$why"; then
    set_status "$1" "$table" failed checksum "$(sed -n 's/^sent //p' "$scratch/said")"
  else set_status "$1" "$table" failed "$sqlstate" "$(words_of_error)"; fi
  return 2
}

source_failed() {
  state_of_source=$(awk '{ if (match($0, /:  [0-9A-Z][0-9A-Z][0-9A-Z][0-9A-Z][0-9A-Z]: /)) { print substr($0, RSTART + 3, 5); exit } }' "$why")
  source_answers || return 1
  set_status "$1" "$table" failed "source${state_of_source:+ $state_of_source}" "$(words_of_error)"
  return 2
}

# state_of_error: $sqlstate of what psql said last; empty where it has none, as when it cannot connect.
state_of_error() {
  sqlstate=$(awk '{ if (match($0, /:  [0-9A-Z][0-9A-Z][0-9A-Z][0-9A-Z][0-9A-Z]: /)) { print substr($0, RSTART + 3, 5); exit } }' "$why")
}

words_of_error() { awk '/:  / { sub(/^psql:[^ ]* /, ""); print; if (++n == 2) exit }' "$why" | tr '\n' ' ' | cut -c 1-500; }

# --- what it waits for ---

# may_go_on DATABASE: 0, or 1 with the reason in $waiting and $waiting_detail.
may_go_on() {
  waiting='' waiting_detail=''
  position=pg_current_wal_lsn replay=replay_lsn flushed=flush_lsn difference=pg_wal_lsn_diff
  [ "$number" -ge 1000 ] || position=pg_current_xlog_location replay=replay_location flushed=flush_location difference=pg_xlog_location_diff
  # A standby that is declared to replay late is as far as what it has written down. One that is only being made is not asked.
  late=false
  [ -z "$late_standbys" ] || late="application_name IN ($late_standbys)"
  told=$(sql "$1" "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN 1 ELSE 0 END, CASE WHEN c.paused THEN 1 ELSE 0 END, coalesce(c.throttle, 0),
      CASE WHEN pg_catalog.pg_is_in_recovery() THEN '' ELSE (SELECT l.bytes || ' ' || l.application_name FROM (
        SELECT application_name, pg_catalog.$difference(pg_catalog.$position(), CASE WHEN $late THEN $flushed ELSE $replay END)::bigint AS bytes
        FROM pg_catalog.pg_stat_replication WHERE state IN ('streaming', 'catchup')) AS l WHERE l.bytes IS NOT NULL ORDER BY l.bytes DESC LIMIT 1) END
    FROM pgsite_migration.control c") || {
    waiting=server waiting_detail=$(tr '\n' ' ' <"$why")
    return 1
  }
  IFS=$tab read -r recovering paused throttle behind <<END
$told
END
  if [ "$recovering" = 1 ]; then waiting=standby
  elif [ "$paused" = 1 ]; then waiting=paused
  else
    behind_bytes=${behind%% *}
    limit=$most_lag
    # Once one lags, it is to catch up, and not to stay at the limit.
    [ "$waited_for" != lag ] || limit=$((most_lag / 2))
    if [ "${behind_bytes:-0}" -gt "$limit" ]; then waiting=lag waiting_detail=$behind; else enough_room "$1"; fi
  fi
  waited_for=$waiting
  [ -z "$waiting" ]
}

# enough_room DATABASE: by file system, whether what is left of all databases has room, and $reserve beside it.
enough_room() {
  sql "$1" "SELECT place, sum(bytes * (1 - CASE WHEN status NOT IN ('rows') THEN 1 WHEN key = '' THEN least(next_block::float8 / greatest(blocks, 1), 1) ELSE least(rows::float8 / greatest(estimate, 1), 1) END))::bigint
    FROM pgsite_migration.tables WHERE status IN ('rows') GROUP BY place" >"$scratch/left" || return 0
  while IFS= read -r line; do
    place=${line%"$tab"*} left=${line##*"$tab"}
    free=$(df -P -k -- "${place:-$data}" 2>/dev/null | awk 'NR == 2 { printf("%.0f", $4 * 1024) }')
    [ -n "$free" ] || continue
    if [ "$free" -lt $((left + reserve)) ]; then waiting=disk waiting_detail="$free $((left + reserve)) ${place:-$data}"; fi
  done <"$scratch/left"
}
