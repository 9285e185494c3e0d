import { controlDirectoryOf, controlNames, incompleteMarker } from "../config/controlDirectory.js";
import { hostPrograms } from "../config/hostPrograms.js";
import { compiledIn } from "../config/socketFolders.js";
import { canPipe } from "../hosts/pipe.js";
import { compiledInFunction } from "../postgres/socketFolder.js";
import { clustersFunction } from "./clusters.js";
import { programsFunction } from "./programFolders.js";
import { expanded, wayFunction } from "./way.js";

/** What is looked for by its name alone; psql may also be beside the server programs, and perl must have modules. */
const tools = Object.keys(hostPrograms).filter((name) => name !== "psql" && name !== "perl");

/** How many arguments the script takes of each server. */
export const argumentsOfServer = 10;

/**
 * All that a preflight asks of a host, in one go, since over SSH each trip costs: a POSIX script that changes nothing and
 * prints KEY=VALUE lines, `end=yes` last. A key may come more than once. What cannot be found out is left out.
 *
 * Arguments: the OS user, whether to measure data directories (yes or no), the name of the server's package for apt, and then
 * of each server its name, data directory, control directory, folder of programs, port, folders of sockets (one a line, or
 * `compiledIn`), the name of its service, if it has one, the folders in which its configuration is to be (one a line), those of its
 * jobs (one a line), and the client programs that these take.
 *
 * It runs no program of theirs: whoever may write a stack file may name any, and a preview is made of what nobody has approved.
 * The version is read in the file. Of what its own PATH has, a client says which it is: it may be Debian's, a script that chooses.
 */
export const factsScript = String.raw`
export LC_ALL=C
newline='
'
say() {
  case $2 in *"$newline"*) set -- "$1" "$(printf %s "$2" | tr '\n' ' ')" ;; esac
  printf '%s=%s\n' "$1" "$2"
}
# A FIFO would be waited for.
content() { [ -f "$2" ] && [ -r "$2" ] && say "$1" "$(cat -- "$2" 2>/dev/null)"; }
now() { date +%s.%N; }

# Whether it is no data but a place for some on another disk: a link, or a disk that is mounted there.
prepared() {
  case $2 in
    lost+found) ;;
    pg_wal | pg_xlog | log | pg_log) [ -d "$1/$2" ] && [ ! -e "$1/$2/archive_status" ] && { [ -h "$1/$2" ] || [ "$(stat -c %m -- "$1/$2")" = "$(readlink -f -- "$1/$2")" ]; } ;;
    *) false ;;
  esac
}
# Of data, control, bin, port and sockets of one server, as $at.
look() {
  at=server.$1 data=$2 control=$3 bin=$4 port=$5
  found=absent
  if [ -d "$data" ]; then
    if names=$(ls -A -- "$data" 2>/dev/null) && [ -x "$data" ]; then
      found=empty
      for name in $names; do prepared "$data" "$name" || found=filled; done
    else
      found=unreadable
    fi
    say "$at.status" "$(stat -L -c '%a %U' -- "$data")"
  elif [ -L "$data" ]; then
    found=dangling
  elif [ -e "$data" ]; then
    found=other
  fi
  say "$at.data" "$found"
  [ -e "$data/${incompleteMarker}" ] && say "$at.incomplete" yes
  [ -e "$control/${controlNames.identity}" ] && say "$at.identity" yes
  content "$at.version" "$data/PG_VERSION"

  above parent "$data"
  if [ ! -e "$control" ]; then
    say "$at.control" absent
  elif [ -w "$control" ] && [ -x "$control" ]; then
    say "$at.control" writable
  else
    say "$at.control" closed
  fi
  folder=$parent
  [ -d "$data" ] && folder=$data
  say "$at.disk" "$(stat -f -c '%i %S %a %T' -- "$folder")"
  if [ "$measure" = yes ] && [ "$found" = filled ]; then
    say "$at.size" "$(du -skL -- "$data" 2>/dev/null | cut -f 1)"
  fi

  if [ -x "$bin/postgres" ]; then
    written=$(grep -a -o 'postgres (PostgreSQL) [0-9][0-9a-z.]*' -- "$bin/postgres" 2>/dev/null | head -n 1)
    [ -n "$written" ] || written=nothing
    say "$at.postgres" "$written"
  else
    programs=missing
  fi
  for program in postgres initdb pg_ctl; do
    if [ -x "$bin/$program" ]; then way "$bin/$program"; else say "$at.missing" "$program"; fi
  done
  [ -d "$bin/../lib" ] && way "$bin/../lib"
  [ -x "$bin/psql" ] || command -v psql >/dev/null 2>&1 || say tool.missing psql

  if [ -f "$data/postmaster.pid" ] && pid=$(head -n 1 -- "$data/postmaster.pid" 2>/dev/null) && [ -n "$pid" ]; then
    here=$(cd -- "$data" && pwd -P)
    [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$here" ] && say "$at.postmaster" "$pid"
  fi
  [ "$port" = 0 ] || listeners "$at.listener" "$(printf %04X "$port")"
  folders=$6
  [ "$folders" != '${compiledIn}' ] || folders=$(compiled_in "$bin/postgres")
  [ -z "$folders" ] || printf '%s\n' "$folders" | while IFS= read -r folder; do sockets "$at.socket" "$folder" "$port"; done
  if [ -n "$7" ] && at_boot "$7"; then say "$at.service" yes; fi
  wanted configuration "$8"
  # What Debian's own start reads beside postgresql.conf, if anything is in it.
  [ -z "$8" ] || printf '%s\n' "$8" | while IFS= read -r folder; do
    for file in environment pg_ctl.conf; do
      grep -qv -e '^[[:space:]]*\(#.*\)*$' -e "^[[:space:]]*pg_ctl_options[[:space:]]*=[[:space:]]*''" -- "$folder/$file" 2>/dev/null &&
        say "$at.start" "$folder/$file"
    done
  done
  wanted jobs "$9"
  for program in ${expanded("10")}; do
    if [ -x "$bin/$program" ]; then
      say "$at.client" "$program own"
    elif found=$(command -v "$program"); then
      say "$at.client" "$program $("$found" --version 2>/dev/null </dev/null | awk '{ for (i = 1; i <= NF; i++) if ($i ~ /^[0-9]/) { print $i; exit } }')"
    else
      say "$at.client" "$program"
    fi
  done
}

# wanted KEY FOLDERS: of each, one a line, whether the OS user may write there, and what is above it.
wanted() {
  count=0
  [ -z "$2" ] || printf '%s\n' "$2" | while IFS= read -r folder; do
    state=absent
    if [ -d "$folder" ]; then
      state=closed
      [ -w "$folder" ] && [ -x "$folder" ] && state=open
    elif [ -e "$folder" ] || [ -L "$folder" ]; then
      state=other
    fi
    say "$at.$1" "$state $(stat -L -c %U -- "$folder" 2>/dev/null || echo -) $folder"
    above "$1.$count" "$folder"
    count=$((count + 1))
  done
}

# above KEY FOLDER: where a folder is to be, the nearest one above it that is there, and the way to that.
above() {
  parent=$(dirname -- "$2")
  until [ -d "$parent" ]; do parent=$(dirname -- "$parent"); done
  writable=no
  [ -w "$parent" ] && [ -x "$parent" ] && writable=yes
  say "$at.$1" "$writable $(stat -L -c %U -- "$parent") $parent"
  way "$parent/." "$1.way"
}

# Whether something of that name starts with the machine.
at_boot() {
  [ -e "/etc/systemd/system/multi-user.target.wants/$1.service" ] && return 0
  for link in /etc/rc[2-5].d/S[0-9][0-9]"$1"; do [ -e "$link" ] && return 0; done
  return 1
}

# Whether sockets can be put there: what stands there, or above it, and whose that is.
sockets() {
  above=$2
  until [ -e "$above" ] || [ -L "$above" ]; do above=$(dirname -- "$above"); done
  if [ ! -d "$above" ]; then
    state=other
  elif [ -w "$above" ] && [ -x "$above" ]; then
    state=open
  else
    state=closed
  fi
  say "$1" "$state $(stat -c %U -- "$above/." 2>/dev/null || echo -) $2"
  say "$1.above" "$above"
  # A server that uses the socket has locked it, and says on whose behalf: its process, and its data.
  lock=$2/.s.PGSQL.$3.lock holder=
  if [ -f "$lock" ]; then
    holder="0 $(stat -c %U -- "$lock" 2>/dev/null)"
    if [ -r "$lock" ] && pid=$(head -n 1 -- "$lock" 2>/dev/null); then
      # What a server has left that is gone is in nobody's way.
      if [ -d "/proc/$pid" ]; then holder="$pid $(stat -c %U -- "$lock") $(sed -n 2p -- "$lock")"; else holder=; fi
    fi
  fi
  say "$1.holder" "$holder"
}

cluster() { say cluster "$1 $2 $3 $4 $5"; }
${clustersFunction}

${wayFunction}
${compiledInFunction}${programsFunction}# Sockets that listen (state 0A): local address, user, and what holds them, as far as we may see. Holders are looked for once.
held=
listeners() {
  listening=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
    awk -v port=":$2" '$4 == "0A" && substr($2, length($2) - 4) == port { print substr($2, 1, length($2) - 5), $8, $10 }')
  [ -n "$listening" ] || return 0
  [ -n "$held" ] || held=$(ls -l /proc/[0-9]*/fd 2>/dev/null |
    awk '/^\/proc\// { split($1, part, "/"); pid = part[3] } $NF ~ /^socket:/ { print $NF, pid }')
  printf '%s\n' "$listening" |
    while read -r address uid inode; do
      user=$(getent passwd "$uid" | cut -d : -f 1)
      pids=$(printf '%s\n' "$held" | awk -v socket="socket:[$inode]" '$1 == socket { print $2 }' | sort -u)
      program=
      for pid in $pids; do program=$(cat "/proc/$pid/comm" 2>/dev/null) && break; done
      for pid in $pids; do
        folder=$(readlink "/proc/$pid/cwd") && [ -f "$folder/PG_VERSION" ] || continue
        say "$1.data" "$pid $folder"
        content "$1.identity.$pid" "${controlDirectoryOf("$folder")}/${controlNames.identity}"
        break
      done 2>/dev/null
      say "$1" "$address $(printf %s "$user" | tr -d ' ')/$uid $(printf %s "$pids" | tr '\n' ,)/$program"
    done
}

say clock.began "$(now)"
user=$1 measure=$2 package=$3
shift 3
say user "$(id -un)"
id -u -- "$user" >/dev/null 2>&1 && say user.exists yes
[ -r /etc/os-release ] && (
  . /etc/os-release
  say system.id "$ID"
  say system.like "$ID_LIKE"
  say system.name "$PRETTY_NAME"
)
say platform.machine "$(uname -m)"
say platform.word "$(getconf LONG_BIT 2>/dev/null)"
say platform.order "$(printf '\001\000' | od -A n -t u2 | tr -d ' ')"
say platform.libc "$(getconf GNU_LIBC_VERSION 2>/dev/null || ldd --version 2>&1 | head -n 2)"
awk '/^(MemTotal|MemAvailable|HugePages_Free|Hugepagesize):/ { sub(":", "", $1); print "memory." $1 "=" $2 }' /proc/meminfo
say memory.page "$(getconf PAGE_SIZE 2>/dev/null)"
content kernel.shmmax /proc/sys/kernel/shmmax
content kernel.shmall /proc/sys/kernel/shmall
content kernel.sem /proc/sys/kernel/sem
[ -r /proc/sysvipc/sem ] && awk 'NR > 1 { sets++; all += $4 } END { print "kernel.used=" sets + 0 " " all + 0 }' /proc/sysvipc/sem
say files "$(ulimit -n)"
command -v locale >/dev/null 2>&1 && say locales "$(locale -a 2>/dev/null)"
for tool in ${tools.join(" ")}; do command -v "$tool" >/dev/null 2>&1 || say tool.missing "$tool"; done
${canPipe} || say tool.missing perl
[ -r /proc/self/stat ] || say tool.missing /proc
if [ -d /run/systemd/system ]; then say manager systemd; elif [ -d /etc/init.d ]; then say manager sysv; fi
cron=no
for file in /proc/[0-9]*/comm; do
  read -r name <"$file" && case $name in cron | crond) cron=yes ;; esac
done 2>/dev/null
[ "$cron" = yes ] || { read -r name </proc/1/comm; } 2>/dev/null || cron=hidden
say cron.runs "$cron"
[ -d /etc/cron.d ] && say cron.folder yes
crontab=missing
if command -v crontab >/dev/null 2>&1; then
  crontab=usable
  [ "$cron" != no ] || crontab=stopped
  # Without a line in it, it fails as well; a user who may have none is told so in other words.
  case $(crontab -l 2>&1 >/dev/null) in *'not allowed'* | *'not authorized'*) crontab=refused ;; esac
fi
say crontab "$crontab"
[ -e /etc/localtime ] && say zone.localtime "$(readlink -f -- /etc/localtime)"
content zone.timezone /etc/timezone
[ -f /etc/aliases ] && say aliases yes
for program in /usr/sbin/sendmail /usr/lib/sendmail "$(command -v sendmail)"; do
  [ -x "$program" ] && say sendmail "$program" && break
done
clusters
programs=there
while [ $# -ge ${argumentsOfServer} ]; do
  look "$1" "$2" "$3" "$4" "$5" "$6" "$7" "$8" "$9" "${expanded("10")}"
  shift ${argumentsOfServer}
done
[ "$programs" = there ] || find_programs programs
if [ "$programs" = missing ] && command -v apt-cache >/dev/null 2>&1; then
  say candidate "$(apt-cache policy "$package" 2>/dev/null | awk '$1 == "Candidate:" { print $2 }')"
fi
say clock.ended "$(now)"
say end yes
`;
