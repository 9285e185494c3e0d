import { join } from "node:path";
import { type Directories, upgradePath } from "../../config/controlDirectory.js";
import type { Host } from "../../hosts/host.js";
import { must } from "../../installed/must.js";
import { letsIn, type Workplace } from "./private.js";

/** What the path of a Unix socket may have, with the name of the socket, in bytes (`sun_path`). */
const longest = 107;
const socketName = "/.s.PGSQL.50432.lock";

/** An empty working folder. Sockets lie in it, or where its path is too long for that in a new folder that only our user enters. */
export async function makeWorkplace(
  host: Host,
  directories: Directories,
  clients: string,
  signal: AbortSignal,
): Promise<Workplace> {
  return makeWorkplaceIn(host, upgradePath(directories, "work"), clients, signal);
}

/** The same in a folder of that name. */
export async function makeWorkplaceIn(
  host: Host,
  work: string,
  clients: string,
  signal: AbortSignal,
): Promise<Workplace> {
  await host.remove(work);
  await host.makeDirectory(work);
  await host.writeFile(join(work, "pg_hba.conf"), letsIn);
  const fits = Buffer.byteLength(work) + socketName.length <= longest;
  const sockets = fits ? work : (await must(host, ["mktemp", "-d", "/tmp/pgsite-XXXXXXXX"])).trim();
  return { host, work, sockets, clients, signal };
}

/**
 * Ends what an earlier attempt has left running that was killed: whatever works in the folder of an upgrade. pg_upgrade goes
 * before the servers that it started, so that it starts none any more. @throws where something does not end
 */
export async function endLeftovers(host: Host, directories: Directories): Promise<void> {
  const folders = (["work", "new", "check"] as const).map((name) => upgradePath(directories, name));
  await endWorkingIn(host, folders);
}

/** The same of whatever works in one of these folders, or below. */
export async function endWorkingIn(host: Host, folders: readonly string[]): Promise<void> {
  const { code, stderr } = await host.run(["sh", "-c", ending, "sh", ...folders], { timeout: 180_000 });
  if (code === 0) return;
  throw new Error(
    `what an earlier, killed pgsite started on ${host.name} still works in ${folders[0]}: ${stderr.trim()}`,
  );
}

/** Of processes only their working folder is asked: pg_upgrade's and pg_dump's is ours, a postmaster's its data. */
const ending = String.raw`
found() {
  for process in /proc/[0-9]*; do
    cwd=$(readlink "$process/cwd" 2>/dev/null) || continue
    for folder; do
      case "$cwd" in "$folder" | "$folder"/* | "$folder (deleted)") echo "$process" | cut -d / -f 3 ;; esac
    done
  done
}
tries=0
while [ "$tries" -lt 60 ]; do
  pids=$(found "$@")
  [ -n "$pids" ] || exit 0
  # A postmaster takes INT for a fast shutdown, every other program for its end.
  signal=INT
  [ "$tries" -lt 10 ] || signal=QUIT
  [ "$tries" -lt 30 ] || signal=KILL
  for pid in $pids; do kill -s "$signal" "$pid" 2>/dev/null; done
  sleep 1
  tries=$((tries + 1))
done
echo "processes $(found "$@" | tr '\n' ' ')" >&2
exit 1
`;

/** Takes away what is of no use once it is known how it ended. */
export async function removeWorkplace({ host, work, sockets }: Workplace): Promise<void> {
  await host.remove(work);
  if (sockets !== work) await host.remove(sockets);
}
