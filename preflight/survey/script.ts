import { controlDirectoryOf, controlNames } from "../../config/controlDirectory.js";
import { clustersFunction } from "../clusters.js";
import { programsFunction } from "../programFolders.js";

/** Where distributions have clusters' data, seen if whoever looks may look in. */
const dataFolders = [
  "/var/lib/postgresql/*/*",
  "/var/lib/pgsql/data",
  "/var/lib/pgsql/*/data",
  "/var/lib/postgres/data",
  "/usr/local/pgsql/data",
];

/**
 * What is on a host, before anything of it is declared, in one trip: a POSIX script that changes nothing, runs no program of
 * PostgreSQL's, and prints KEY=VALUE lines, `end=yes` last. Arguments: the OS user, then folders in which new data may be put.
 */
export const surveyScript = String.raw`
export LC_ALL=C
say() { printf '%s=%s\n' "$1" "$(printf %s "$2" | tr '\n' ' ')"; }
${programsFunction}user=$1
shift
say user "$(id -un)"
id -u -- "$user" >/dev/null 2>&1 && say user.exists yes
[ -r /etc/os-release ] && (
  . /etc/os-release
  say system.id "$ID"
  say system.like "$ID_LIKE"
  say system.name "$PRETTY_NAME"
)
find_programs programs

command -v pg_ctlcluster >/dev/null 2>&1 && say cluster.tools yes
# What Debian's tools know, running or not.
${clustersFunction}
cluster() {
  say cluster "$5"
  say cluster.port "$3 $5"
}
clusters
for folder in ${dataFolders.join(" ")}; do [ -e "$folder/PG_VERSION" ] && say cluster "$folder"; done
# Everybody may read how a server was started.
for file in /proc/[0-9]*/cmdline; do
  words=$(tr '\0' '\n' <"$file" 2>/dev/null) || continue
  program=$(printf '%s\n' "$words" | head -n 1)
  case ${"$"}{program##*/} in postgres | postmaster) ;; *) continue ;; esac
  data=$(printf '%s\n' "$words" | sed -n '/^-D$/{n;p;q;};s/^-D\(..*\)$/\1/p' | head -n 1)
  [ -n "$data" ] && say cluster "$data" && say cluster.runs "$data"
done

if command -v ip >/dev/null 2>&1; then
  ip -o address show scope global 2>/dev/null | awk '{ print "address=" $4 }'
else
  for address in $(hostname -I 2>/dev/null); do say address "$address"; done
fi
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '$4 == "0A" { n = split($2, part, ":"); print "listens=" part[n] }' | sort -u
# Of a folder in which data may be put.
place() {
  [ -d "$1" ] || return 0
  open=no
  [ -w "$1" ] && [ -x "$1" ] && open=yes
  room=$(df -P -k -- "$1" 2>/dev/null | awk 'NR == 2 { print $4, $6 }')
  [ -n "$room" ] && say folder "$open $room $(stat -f -c %T -- "$1" | tr -d ' ') $1"
}
for folder in "$@"; do place "$folder"; done
df -P -k -T -l 2>/dev/null | awk '
  NR > 1 && $2 !~ /tmpfs|squashfs|iso9660/ && $7 !~ /^\/((boot|home|tmp|run|dev|proc|sys|etc|usr|var|root|snap|nix)(\/|$)|$)/ { print $7 }' |
  while IFS= read -r mount; do place "$mount/postgresql"; place "$mount"; done
for file in ${["/var/lib/postgresql/*/*", "/var/lib/postgresql/*", "/srv/postgresql/*"].map(controlDirectoryOf).join(" ")}; do
  [ -e "$file/${controlNames.identity}" ] && say ours "${"$"}{file%${controlDirectoryOf("")}}"
done
say end yes
`;
