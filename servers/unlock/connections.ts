import type { Host } from "../../hosts/host.js";

/**
 * Ends the session of a client that is idle, outside a transaction: by its process title, which ends so whatever names are in it.
 * A walsender's does not. The one that came last has lost least.
 */
const ending = `postmaster=$1
for stat in /proc/[0-9]*/stat; do
  pid=\${stat#/proc/}; pid=\${pid%/stat}
  parent=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null) || continue
  [ "$parent" = "$postmaster" ] || continue
  title=$(tr '\\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null) || continue
  case $(printf %s "$title" | sed 's/ *$//') in
    "postgres: "*" idle") echo "$pid" ;;
  esac
done | sort -n | tail -n 1 | while read -r pid; do kill -TERM "$pid" && echo ended; done`;

/** @returns whether there was one */
export async function endIdleSession(host: Host, postmaster: number): Promise<boolean> {
  const { stdout } = await host.run(["sh", "-c", ending, "sh", `${postmaster}`]);
  return stdout.trim() === "ended";
}
