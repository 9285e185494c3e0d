import { type Host, HostError } from "../../hosts/host.js";

/**
 * Prints the titles of the children of a process, a line each. Minimal systems and images have no ps, or one that knows no
 * parents. Where /proc is not there either, that is told from a server that has no such process.
 */
const children = `[ -r /proc/self/stat ] || exit 3
for stat in /proc/[0-9]*/stat; do
  IFS= read -r line <"$stat" || continue
  # PID (NAME) STATE PPID …; a name may have anything in it.
  line=\${line##*) }
  line=\${line#* }
  [ "\${line%% *}" = "$1" ] || continue
  # Who connects chooses a part of a title: it stays one line.
  tr '\\000\\n' '  ' <"\${stat%/stat}/cmdline" && echo
done 2>/dev/null
exit 0`;

/** Titles of a server's processes, without the postmaster's. @throws HostError where nobody can read them */
export async function titlesBelow(host: Host, dataDirectory: string, postmaster: number): Promise<readonly string[]> {
  const { code, stdout, stderr } = await host.run(["sh", "-c", children, "sh", `${postmaster}`]);
  if (code !== 0) {
    const why = code === 3 ? "/proc is not there" : stderr.trim() || `exit code ${code}`;
    throw new HostError(`the processes of ${dataDirectory} on ${host.name} cannot be read: ${why}`);
  }
  return stdout
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "");
}
