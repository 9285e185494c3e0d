# shellcheck shell=sh
# What is set here is used there, and the other way round.
# shellcheck disable=SC2034,SC2154
# Servers before 9.3, for what others are asked or told otherwise; failover, repoint and rejoin read it.

# --- how far it has received, by the pages of its WAL: there is no program that reads WAL yet ---

# page_begins NUMBER: whether that page of $segment is of this place, and not what a recycled file had in it before.
page_begins() {
  # shellcheck disable=SC2046
  set -- "$1" $(od -A n -v -t u4 -j $(($1 * 8192)) -N 16 "$folder/$segment" 2>/dev/null)
  [ $# = 5 ] && [ "$2" != 0 ] && [ "$4" = "$log_number" ] && [ "$5" = $((begin + $1 * 8192)) ]
}

# Sets $log_number and $begin, where $segment begins.
place_segment() {
  rest=${segment#????????}
  log_number=$((0x${rest%????????}))
  size=$(stat -c %s "$folder/$segment")
  begin=$((0x${rest#????????} * size))
}

# paged_wal TIMELINE: where the WAL of that timeline ends; nothing where it has none, or its pages are of another size.
paged_wal() {
  folder=$data/$(wal_folder)
  wanted=$(printf '%08X' "$1")
  found=no
  # Names of WAL files have nothing in them that ls would change.
  # shellcheck disable=SC2012
  for segment in $(ls -r "$folder" | awk -v timeline="$wanted" 'length($0) == 24 && /^[0-9A-F]+$/ && substr($0, 1, 8) == timeline'); do
    place_segment
    page_begins 0 && found=yes && break
  done
  [ "$found" = yes ] || return 0
  # What was received of a segment is its first pages.
  low=0 high=$((size / 8192))
  while [ $((high - low)) -gt 1 ]; do
    middle=$(((low + high) / 2))
    if page_begins "$middle"; then low=$middle; else high=$middle; fi
  done
  end=$(od -A n -v -t u4 -j $((low * 8192)) -N 8192 "$folder/$segment" | awk -v log_number="$log_number" -v begin=$((begin + low * 8192)) '
    { for (i = 1; i <= NF; i++) word[count++] = $i }
    function aligned(at) { return int((at + 7) / 8) * 8 }
    END {
      info = int(word[0] / 65536)
      at = int(info / 2) % 2 ? 32 : 16
      first = at
      # The rest of a record that began before; beyond this page nothing was received of it.
      if (info % 2) at = aligned(at + 4 + word[at / 4])
      before = -1
      # A header is never parted. What is behind the last record may be of another time: then it names another one before it.
      while (at <= 8192 - 32 && word[at / 4 + 4] >= 32) {
        if (before >= 0 && (word[at / 4 + 1] != log_number || word[at / 4 + 2] != begin + before)) break
        before = at
        at = aligned(at + word[at / 4 + 4])
      }
      # Behind the change to another segment its pages have nothing but their headers.
      print (at > 8192 || at == first) ? 8192 : at
    }')
  lsn_text $(((log_number << 32) + begin + low * 8192 + end))
}

# --- connection strings, for programs that take none ---

# with_conninfo CONNINFO COMMAND…: runs it with what the string says in its environment.
with_conninfo() (
  conninfo=$1
  shift
  for pair in host:PGHOST hostaddr:PGHOSTADDR port:PGPORT user:PGUSER sslmode:PGSSLMODE sslrootcert:PGSSLROOTCERT sslcert:PGSSLCERT \
    sslkey:PGSSLKEY sslcrl:PGSSLCRL krbsrvname:PGKRBSRVNAME application_name:PGAPPNAME; do
    value=$(conninfo_value "$conninfo" "${pair%%:*}")
    [ -z "$value" ] || export "${pair#*:}=$value"
  done
  "$@"
)

# conninfo_value CONNINFO NAME: that parameter, out of its quotes.
conninfo_value() {
  text=$1 awk -v wanted="$2" 'BEGIN {
    text = ENVIRON["text"]
    while (match(text, /^[ \t\n]*[a-z_]+[ \t\n]*=[ \t\n]*/)) {
      name = substr(text, 1, RLENGTH)
      gsub(/[ \t\n=]/, "", name)
      text = substr(text, RLENGTH + 1)
      quoted = substr(text, 1, 1) == "\047"
      if (quoted) text = substr(text, 2)
      value = ""
      while (text != "" && (letter = substr(text, 1, 1)) !~ (quoted ? "\047" : "[ \t\n]")) {
        text = substr(text, 2)
        if (letter == "\\") { letter = substr(text, 1, 1); text = substr(text, 2) }
        value = value letter
      }
      if (quoted) text = substr(text, 2)
      if (name == wanted) print value
    }
  }'
}

# --- 9.0, which has no pg_basebackup: a backup by hand, from host to host ---

# there COMMAND: on the host of $name, as a shell reads it; on this one where NAME's address is this machine's own.
there() {
  if [ -z "$source_host" ]; then
    sh -c "$1" </dev/null 9>&-
  else
    timeout 60 ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=5 -o ServerAliveInterval=5 -o ControlPath=none \
      -o ForwardAgent=no -o LogLevel=ERROR -- "$source_host" "$1" </dev/null 9>&-
  fi
}

# sql_there STATEMENT: as a superuser on NAME; the replication role is one at 9.0.
sql_there() {
  if [ -n "$source" ]; then
    with_own_passfile timeout 900 "$psql" -X -w -q -A -t -d "$source" -c "$1" 2>&1 9>&-
  else
    timeout 900 "$psql" -X -w -q -A -t -d "$(sql_of "$name")" -c "$1" 2>&1 9>&-
  fi
}

# within_quotes TEXT: for a shell.
within_quotes() { printf "'%s'\n" "$(printf '%s\n' "$1" | sed "s/'/'\\\\''/g")"; }

# Sets $source_host and $source_data, and refuses where a backup by hand cannot be: a dry run asks the same.
prepare_by_hand() {
  otherwise="; or pulumi up copies it"
  for program in rsync ssh; do
    command -v "$program" >/dev/null 2>&1 || refuse "PostgreSQL 9.0 has no pg_basebackup, and this host no $program to copy $name with$otherwise"
  done
  if [ -z "$source_host" ]; then
    address=$(of "$name" 2)
    address=${address%:*}
    case $address in 127.* | localhost | ::1) ;; *) source_host=$user@$address ;; esac
  fi
  source_data=$(sql_there 'show data_directory') ||
    refuse "PostgreSQL 9.0 has no pg_basebackup, and a superuser's session on $name, which a backup by hand takes, is refused (${source_data:-no answer}): say --source-server 'host=… user=… dbname=postgres'$otherwise"
  recovers=$(sql_there 'select pg_is_in_recovery()')
  [ "$recovers" = f ] || refuse "$name is in recovery: name the server that takes writes"
  folder_there=$(within_quotes "$source_data")
  heard=$(there "command -v rsync >/dev/null && od -A n -t u8 -N 8 $folder_there/global/pg_control && ls -A $folder_there/pg_tblspc" 2>&1) ||
    refuse "PostgreSQL 9.0 has no pg_basebackup, and $user cannot copy from the host of $name by rsync over ssh${source_host:+ ($source_host)}: ${heard:-there is no rsync}. Let ssh there without a question (--source-host [USER@]HOST says where)$otherwise"
  # shellcheck disable=SC2086
  set -- $heard
  [ "${1-}" = "$(system_identifier)" ] || refuse "$source_data on ${source_host:-this host} is not the data of $name$otherwise"
  [ $# = 1 ] || refuse "$name has tablespaces, which this script does not copy: pulumi up"
}

# fetch OPTIONS… FROM TO: a folder of NAME's data. What vanishes meanwhile was there no more when the backup ended.
fetch() {
  if [ -z "$source_host" ]; then
    rsync -a --no-owner --no-group "$@" 9>&-
  else
    rsync -a --no-owner --no-group --protect-args --timeout=300 \
      --rsh='ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=5 -o ControlPath=none -o ForwardAgent=no -o LogLevel=ERROR' "$@" 9>&-
  fi
  status=$?
  [ "$status" = 0 ] || [ "$status" = 24 ]
}

end_backup() {
  [ "$backs_up" = yes ] || return 0
  stopped=$(sql_there 'select pg_stop_backup()') || return 1
  backs_up=no
}

backs_up=no
# copy_by_hand INCOMING: a copy of NAME there, with all WAL that makes it whole. What it has already is not sent again.
copy_by_hand() {
  from=${source_host:+$source_host:}$source_data
  backs_up=yes
  trap 'end_backup >/dev/null; rm -f "$control/lock.holder"' EXIT
  trap 'exit 1' HUP INT TERM
  said=$(sql_there "select pg_start_backup('pgsite runbook', true)") || {
    backs_up=no
    echo "pg_start_backup: $said" >>"$control/start.log"
    return 1
  }
  mkdir -p "$1/pg_xlog/archive_status" && chmod 700 "$1" || return 1
  fetch --checksum --copy-dest="$(cd "$data" && pwd -P)" --exclude='/pg_xlog' --exclude=/postmaster.pid --exclude=/postmaster.opts \
    --exclude=/recovery.conf --exclude=/recovery.done --exclude='/pg_log/*' --exclude=/pgsite.incomplete "$from/" "$1/" >>"$control/start.log" 2>&1 || return 1
  end_backup || {
    echo "pg_stop_backup: $stopped" >>"$control/start.log"
    return 1
  }
  first=$(sed -n 's/^START WAL LOCATION: .*(file \([0-9A-F]\{24\}\)).*/\1/p' "$1/backup_label")
  [ -n "$first" ] || return 1
  wanted=$1.files
  there "ls $folder_there/pg_xlog" | awk -v first="$first" '
    /^[0-9A-F]+\.history$/ { print }
    /^[0-9A-F]+$/ && length($0) == 24 && substr($0, 1, 8) == substr(first, 1, 8) && $0 >= first { print }' >"$wanted"
  grep -q "^$first$" "$wanted" && fetch --files-from="$wanted" "$from/pg_xlog/" "$1/pg_xlog/" >>"$control/start.log" 2>&1 && rm -f "$wanted" && sync
}
