# shellcheck shell=sh
# Whether another instance of a database that exists once stands in the way of a start: read by the guard after instance.sh.
# shellcheck disable=SC2154

# whose PID: who that is, as far as it may be seen: its program, its data, and of which site and stack these are.
whose() {
  program='' folder='' words=''
  read -r program 2>/dev/null <"/proc/$1/comm"
  folder=$(readlink "/proc/$1/cwd" 2>/dev/null)
  [ -z "$folder" ] || [ ! -e "$folder/PG_VERSION" ] || words=", data directory $folder$(owner_of "$folder")"
  echo "${program:-a program} (process $1$words)"
}

# owner_of FOLDER: in words, of which stack it is, as pgsite has it beside the data.
owner_of() {
  identity=$(cat "$1.pgsite/identity.json" 2>/dev/null) || return 0
  field() { printf '%s\n' "$identity" | sed -n 's/^ *"'"$1"'": "\(.*\)",\{0,1\}$/\1/p'; }
  stack=$(field stack)
  echo " of $(field server) of the site $(field site)${stack:+, stack $stack}"
}

# twin: the process of another server of this user's that runs with this very database, as its system identifier says.
twin() {
  own=$(system_identifier)
  here_data=$(cd "$data" && pwd -P)
  for cwd in /proc/[0-9]*/cwd; do
    folder=$(readlink "$cwd" 2>/dev/null) || continue
    if [ "$folder" = "$here_data" ] || [ ! -r "$folder/global/pg_control" ] || [ ! -r "$folder/postmaster.pid" ]; then continue; fi
    [ "$(od -A n -t u8 -N 8 "$folder/global/pg_control" | tr -d ' ')" = "$own" ] || continue
    read -r pid 2>/dev/null <"$folder/postmaster.pid"
    [ "$cwd" != "/proc/$pid/cwd" ] || { echo "$pid" && return; }
  done
  return 1
}

# listener: the address, user and inode of a socket that listens where this server is to: $listens has its addresses as
# /proc/net/tcp writes them, all IPv4 and all IPv6 as zeros. One for all of IPv6 takes IPv4 too.
listener() {
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | wanted="$listens" port=$(printf ':%04X' "$port") awk '
    function covers(one, other) { return one ~ /^0+$/ && (length(one) == 32 || length(other) == 8) }
    BEGIN { n = split(ENVIRON["wanted"], wanted, " ") }
    $4 == "0A" && substr($2, length($2) - 4) == ENVIRON["port"] {
      at = substr($2, 1, length($2) - 5)
      # An address of IPv4 within IPv6.
      if (length(at) == 32 && substr(at, 1, 24) == "0000000000000000FFFF0000") at = substr(at, 25)
      for (i = 1; i <= n; i++) if (at == wanted[i] || covers(at, wanted[i]) || covers(wanted[i], at)) { print $8, $10; exit }
    }'
}

# holder INODE: the process that has that socket, where we may see it.
holder() {
  for fd in /proc/[0-9]*/fd/*; do
    [ "$(readlink "$fd" 2>/dev/null)" = "socket:[$1]" ] || continue
    pid=${fd#/proc/}
    echo "${pid%%/*}"
    return
  done
}

# second_instance: CODE WORDS of what stands in the way; nothing where nothing does.
second_instance() {
  if [ "$here" != "$(cd "$runbook" 2>/dev/null && pwd -P)" ]; then
    echo "copy $here was copied from $runbook: the database of $server exists once, in $data"
    return
  fi
  place=$(placed_here)
  case $place in
    here) ;;
    nowhere)
      echo "unknown $control/instance is not there, which says on which host the database is. If no other host has it, $runbook/guard --claim, and start it"
      return
      ;;
    *)
      echo "elsewhere this is $data on $(node), and the database is known to be in ${place#elsewhere }: it exists once. Start it there; or, if it was moved here and nothing there starts it any more, $runbook/guard --claim, and start it"
      return
      ;;
  esac
  if pid=$(postmaster); then
    echo "running it runs already: $(whose "$pid")"
    return
  fi
  if pid=$(twin); then
    echo "twin the same database runs already on this host: $(whose "$pid"). It exists once: stop that one, or leave this one down"
    return
  fi
  set -- "$(listener)"
  if [ -n "$1" ]; then
    pid=$(holder "${1#* }")
    if [ -n "$pid" ]; then who=$(whose "$pid"); else who="a process of the user with the number ${1% *}"; fi
    echo "port its port $port is taken by $who: stop that, and start it"
    return
  fi
  [ -n "$sockets" ] || return 0
  lock=$sockets/.s.PGSQL.$port.lock
  read -r pid 2>/dev/null <"$lock" || return 0
  case $pid in '' | *[!0-9]*) return 0 ;; esac
  [ ! -d "/proc/$pid" ] || [ "$(sed -n 2p "$lock")" = "$data" ] || echo "socket its socket ${lock%.lock} is taken by $(whose "$pid"): stop that, and start it"
}
