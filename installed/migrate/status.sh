# shellcheck shell=sh
# What is done of a migration, and what is left: for people, or as lines for programs.
# shellcheck disable=SC2034,SC2154

# Rows a second of the last ten minutes; what a rest between batches takes is part of it.
status_query="WITH recent AS (SELECT sum(rows) AS rows, extract(epoch FROM now() - min(ended - seconds * interval '1 s')) AS seconds
    FROM pgsite_migration.batches WHERE ended > now() - interval '10 min'),
  of AS (SELECT t.*, CASE WHEN status IN ('after', 'done') THEN 1 WHEN key = '' THEN least(next_block::float8 / greatest(blocks, 1), 1) ELSE least(rows::float8 / greatest(estimate, rows, 1), 0.999) END AS part
    FROM pgsite_migration.tables t)"

status_one() {
  if ! has_state "$1"; then
    [ ! -s "$why" ] || die 75 "$1: $(cat "$why")"
    if [ -n "$events" ]; then event database "$1" '' '' not-begun '' '' '' ''; else echo "$1: not begun"; fi
    return 0
  fi
  sql "$1" "$status_query SELECT CASE WHEN c.paused THEN 1 ELSE 0 END, coalesce(c.throttle::text, '-'), CASE WHEN c.source IS NULL THEN 'not-begun' ELSE coalesce(nullif(c.waits_for, ''), '-') END, coalesce(nullif(translate(c.detail, E'\\t\\n', '  '), ''), '-'),
      floor(extract(epoch FROM c.since))::bigint, coalesce(round(r.rows / greatest(r.seconds, 1)::numeric)::text, '-'),
      coalesce(round(((SELECT sum(CASE WHEN status = 'rows' THEN greatest(estimate, rows) * (1 - part) ELSE 0 END) FROM of) / nullif(r.rows / greatest(r.seconds, 1), 0))::numeric)::text, '-')
    FROM pgsite_migration.control c, recent r" >"$scratch/status.control" || die 75 "$1: $(cat "$why")"
  sql "$1" "$status_query SELECT nspname, relname, status, coalesce(nullif(reason, ''), '-'), coalesce(nullif(translate(detail, E'\\t\\n', '  '), ''), '-'), rows, CASE WHEN status IN ('after', 'done') THEN rows ELSE greatest(estimate, rows) END,
      bytes, round((part * 100)::numeric, 1), batches FROM of ORDER BY number" >"$scratch/status.tables" || die 75 "$1: $(cat "$why")"
  IFS=$tab read -r paused throttle_told waits_told detail_told since_told rate_told left_told <"$scratch/status.control"
  if [ -n "$events" ]; then
    event database "$1" "$paused" "$throttle_told" "$waits_told" "$detail_told" "$since_told" "$rate_told" "$left_told"
    while IFS=$tab read -r one two three four five six seven eight nine ten; do
      event table "$1" "$one" "$two" "$three" "$four" "$five" "$six" "$seven" "$eight" "$nine" "$ten"
    done <"$scratch/status.tables"
    return 0
  fi
  words="$1:"
  [ "$paused" = 0 ] || [ "$waits_told" = paused ] || words="$words paused,"
  [ "$waits_told" = - ] || words="$words waits ($waits_told$([ "$detail_told" = - ] || echo " $detail_told")),"
  [ "$throttle_told" = - ] || words="$words at most $throttle_told rows a second,"
  [ "$rate_told" = - ] || words="$words $rate_told rows a second,"
  [ "$left_told" = - ] || words="$words $(span "$left_told") left,"
  echo "${words%,}"
  awk -F "$tab" '{ printf("  %-40s %-8s %12s of about %s rows, %s %%%s\n", $1 "." $2, $3, $6, $7, $9, $4 == "-" ? "" : ": " $4 ($5 == "-" ? "" : " " $5)) }' "$scratch/status.tables"
}

show_status() {
  each status_one
  running=0
  # Whether one runs now, which the lock says.
  exec 8>>"$jobs/migrate.lock"
  flock -n 8 || running=1
  exec 8>&-
  source_running=0
  ! source_answers || source_running=1
  if [ -n "$events" ]; then event end "$running" "$source_running"; else
    if [ "$running" = 1 ]; then echo 'a run goes on'; else echo 'no run goes on now'; fi
  fi
}
