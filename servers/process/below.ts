/**
 * Shell that reads processes in /proc, which minimal systems have where they have no ps, and with few programs: a server may have
 * hundreds of sessions. Ends with exit code 3 where there is no /proc. `below PID` prints the ids of a process' children; /proc's own list of children may leave some out. Of all
 * processes sed finds those that may be: a name may have anything in it, so each is read once more by itself.
 */
export const below = `[ -r /proc/self/stat ] || exit 3
# Without them every process would look as if it had no children.
command -v cat >/dev/null && command -v sed >/dev/null || exit 4
# What follows the name: STATE PPID …
readStat() {
  IFS= read -r line <"/proc/$1/stat" || return
  line=\${line##*) }
}
below() {
  for pid in $(cd /proc && set +f && cat [0-9]*/stat | sed -n "s/^\\([0-9]*\\) (.*) . $1 .*/\\1/p"); do
    readStat "$pid" || continue
    rest=\${line#* }
    [ "\${rest%% *}" != "$1" ] || echo "$pid"
  done 2>/dev/null
}
# A title in one line, whatever it holds: who connects chooses a part of it. NUL bytes are no part of it.
readTitle() {
  [ -r "/proc/$1/cmdline" ] || return
  title= part=
  while IFS= read -r part || [ -n "$part" ]; do
    title="$title$part "
    part=
  done <"/proc/$1/cmdline"
}`;

/** Why a script that begins with `below` read no processes, by its exit code. */
export function whyUnread(code: number, stderr: string): string {
  if (code === 3) return "/proc is not there";
  return code === 4 ? "cat or sed is missing there" : stderr.trim() || `exit code ${code}`;
}
