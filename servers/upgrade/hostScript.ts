import { controlNames } from "../../config/controlDirectory.js";
import { wayFunction } from "../../preflight/way.js";

/**
 * A POSIX script that looks at a host for an upgrade, and prints lines KEY=VALUE. It runs none of PostgreSQL's programs. What
 * it tries on the file system itself it tries in a folder of the control directory, which it takes away again.
 *
 * Arguments: the data directory, the control directory, names of programs, one a line; then folders to look into.
 */
export const hostScript = `export LC_ALL=C
umask 077
data=$1 control=$2 programs=$3
shift 3
say() { printf '%s=%s\\n' "$1" "$2"; }
${wayFunction}
data=$(readlink -f -- "$data")
say free "$(df -P -k -- "$data" 2>/dev/null | awk 'NR == 2 { print $4 }')"

# Each change of place is to be a rename, which none is that leaves its file system. The kernel writes blanks as \\\\040.
while read -r _ _ _ _ place _; do
  place=$(printf '%b' "$(printf '%s' "$place" | sed 's/\\\\\\([0-7][0-7][0-7]\\)/\\\\0\\1/g')")
  case $place/ in "$data"/*) say mount "$place" ;; esac
done < /proc/self/mountinfo 2>/dev/null

# Data change places in the folder that they are in.
[ -w "$(dirname -- "$data")" ] || say closed "$(dirname -- "$data")"

work=
trap '[ -z "$work" ] || rm -rf -- "$work"' EXIT
trap 'exit 1' HUP INT TERM
[ -d "$control" ] && work=$(mktemp -d "$control/${controlNames.upgrade}-try.XXXXXX" 2>/dev/null)
if [ -n "$work" ]; then
  said=$(dd if=/dev/zero of="$work/from" bs=1048576 count=32 conv=fdatasync 2>&1)
  seconds=$(printf '%s\\n' "$said" | sed -n 's/.*copied, \\([0-9.e-]*\\) s.*/\\1/p')
  say written "33554432 $seconds"
  if cp --reflink=always -- "$work/from" "$work/to" 2>/dev/null; then say reflink yes; else say reflink no; fi
fi

number=0
for folder; do
  at=folder$number
  number=$((number + 1))
  say "$at" "$folder"
  printf '%s\\n' "$programs" | while IFS= read -r program; do
    if [ -f "$folder/$program" ] && [ -x "$folder/$program" ]; then say "$at.has" "$program"; fi
  done
  # Who may change what would be run from there.
  way "$folder/postgres"
done
`;
