import type { Host } from "../../hosts/host.js";

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
