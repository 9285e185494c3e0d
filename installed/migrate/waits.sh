# shellcheck shell=sh
# What the next batch waits for: whether it may begin, by what the target says of itself and its standbys.
# shellcheck disable=SC2034,SC2154

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
