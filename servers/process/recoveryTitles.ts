import type { Server } from "../../config/site.js";
import { type Host, HostError } from "../../hosts/host.js";
import { type ProcessState, processState } from "./process.js";

/** What the processes of a server in recovery say in their titles: all that a warm standby tells. */
export interface RecoveryTitles {
  /** How far the walreceiver has received, where it streams. */
  readonly receiver?: string;
  /** The WAL segment that is being replayed. */
  readonly recovering?: string;
}

/**
 * Whole titles: that of a session, also of one that waits for its password, has names in it that a client chose, but also its
 * address behind them. What is before a colon is cluster_name.
 */
const receiving = /^postgres: (?:.*: )?wal ?receiver(?: process)? +streaming ([0-9A-F]{1,8}\/[0-9A-F]{1,8}) *$/m;
const replaying = /^postgres: (?:.*: )?startup(?: process)? +(?:recovering|waiting for) ([0-9A-F]{24}) *$/m;

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
  tr '\\000' ' ' <"\${stat%/stat}/cmdline" && echo
done 2>/dev/null
exit 0`;

/**
 * Reads the titles from /proc; the words differ from version to version, the positions do not.
 * @param known its process, where that was just looked at @throws HostError where nobody can read them
 */
export async function recoveryTitles(
  host: Host,
  server: Pick<Server, "dataDirectory">,
  known?: ProcessState,
): Promise<RecoveryTitles> {
  const state = known ?? (await processState(host, server.dataDirectory));
  if (state.kind !== "running") return {};
  const { code, stdout, stderr } = await host.run(["sh", "-c", children, "sh", `${state.pid}`]);
  if (code !== 0) {
    const why = code === 3 ? "/proc is not there" : stderr.trim() || `exit code ${code}`;
    throw new HostError(`the processes of ${server.dataDirectory} on ${host.name} cannot be read: ${why}`);
  }
  const receiver = receiving.exec(stdout)?.[1];
  const recovering = replaying.exec(stdout)?.[1];
  return {
    ...(receiver === undefined ? {} : { receiver }),
    ...(recovering === undefined ? {} : { recovering }),
  };
}
