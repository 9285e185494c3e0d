import type { Host } from "../../hosts/host.js";
import { below } from "./below.js";

/*
 * Exit code 0 where something is left: a process of PostgreSQL that works in the data directory, or the one that postmaster.pid names, which has
 * ended and nobody has taken note of. Where a process works is seen by its own user and by root.
 */
const script = `[ -d "$1" ] || exit 1
for process in /proc/[0-9]*; do
  IFS= read -r name 2>/dev/null <"$process/comm" || continue
  [ "$name" != postgres ] || ! [ "$process/cwd" -ef "$1" ] || exit 0
done
read -r pid 2>/dev/null <"$1/postmaster.pid"
case $pid in '' | *[!0-9]*) exit 1 ;; esac
IFS= read -r line 2>/dev/null <"/proc/$pid/stat" || exit 1
case \${line##*) } in Z*) exit 0 ;; esac
exit 1`;

/** Whether processes are left of a server whose postmaster is gone: it does not start beside them, and after a kill -9 they need a moment. */
export async function hasRemains(host: Host, dataDirectory: string): Promise<boolean> {
  return (await host.run(["sh", "-c", script, "sh", dataDirectory])).code === 0;
}

/*
 * Ends and prints processes whose postmaster is gone, which their titles tell from a postmaster. One that hangs in a command of its
 * own (archive_command) or is stopped does not notice that by itself.
 */
const endingScript = `${below}
left() {
  for process in /proc/[0-9]*; do
    pid=\${process#/proc/}
    IFS= read -r name <"$process/comm" && [ "$name" = postgres ] && [ "$process/cwd" -ef "$1" ] || continue
    readStat "$pid" || continue
    parent=\${line#* }
    parent=\${parent%% *}
    above=
    { IFS= read -r above <"/proc/$parent/comm"; } 2>/dev/null
    [ "$above" != postgres ] && readTitle "$pid" || continue
    case $title in 'postgres: '*) printf '%s %s\\n' "$pid" "$title" ;; esac
  done 2>/dev/null
}
for signal in QUIT KILL; do
  left "$1" | while read -r pid title; do
    kill -s "$signal" "$pid" 2>/dev/null && printf '%s\\n' "$title"
  done
  sleep 1
done
exit 0`;

/** Milliseconds in which what is left of a killed server notices that by itself. */
export const noticing = 3000;

/**
 * Ends what is left of a server whose postmaster is gone: PostgreSQL does not start beside it, and nobody can use it any more.
 * @returns the titles of what was ended
 */
export async function endRemains(host: Host, dataDirectory: string): Promise<readonly string[]> {
  const { stdout } = await host.run(["sh", "-c", endingScript, "sh", dataDirectory]);
  const titles = stdout.split("\n").map((line) => line.trimEnd());
  return [...new Set(titles.filter((title) => title !== ""))];
}

/*
 * Takes away a postmaster.pid whose number another process has by now, as after a boot: PostgreSQL takes any process of its own user
 * for its postmaster, and does not start for as long as that lives. Not beside anything that works in the data directory.
 */
const freeingScript = `[ -e "/proc/$2" ] || exit 0
for process in /proc/[0-9]*; do
  { IFS= read -r name <"$process/comm"; } 2>/dev/null || continue
  case $name in postgres | postmaster) [ ! "$process/cwd" -ef "$1" ] || exit 0 ;; esac
done
read -r pid <"$1/postmaster.pid" && [ "$pid" = "$2" ] && rm -f -- "$1/postmaster.pid"`;

/** @param pid of its postmaster.pid, which is known to be no postmaster of these data; under the server's lock */
export async function freeTakenNumber(host: Host, dataDirectory: string, pid: number): Promise<void> {
  await host.run(["sh", "-c", freeingScript, "sh", dataDirectory, `${pid}`]);
}
