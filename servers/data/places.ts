import { dirname } from "node:path";
import type { Server } from "../../config/site.js";
import { type Host, NotThatUser } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { makeFolderAsRoot } from "../../hosts/rootFolder.js";
import { must } from "../../installed/must.js";

/*
 * A data directory that root has made in a folder of its own (/var/db, say) is its OS user's, and its name is root's: where that user
 * may not write beside the data, root renames and removes there, and nothing else.
 */

type Placed = Pick<Server, "host">;

const patience = { timeout: 600_000 };

/** Gives a folder of the OS user's another name on its file system; the disk knows of it afterwards. */
export async function rename(host: Host, server: Placed, from: string, to: string): Promise<void> {
  const closed = await closedOf(host, from, to);
  if (closed.length === 0) {
    await must(host, ["mv", "-T", "--", from, to], patience);
    // A rename is in the folder, which is what has to reach the disk.
    await must(host, ["sync", dirname(from), dirname(to)], patience);
    return;
  }
  await must(await rootOf(server, closed), ["sh", "-c", renaming, "sh", host.user, from, to], patience);
}

/** Takes a folder of the OS user's away, with all that is in it. */
export async function removeFolder(host: Host, server: Placed, path: string): Promise<void> {
  const closed = (await host.stat(path)) === undefined ? [] : await closedOf(host, path);
  if (closed.length === 0) {
    await host.remove(path);
    return;
  }
  await must(host, ["find", path, "-xdev", "-mindepth", "1", "-delete"], patience);
  await must(await rootOf(server, closed), ["rmdir", "--", path], patience);
}

/** A folder of the OS user's, by root where that user could not make it. */
export async function makeFolder(host: Host, server: Placed, path: string, mode = 0o700): Promise<void> {
  await makeInPlace(host, server, path, mode);
  await host.makeDirectory(path, mode);
}

/** The same, only where that user could not make it. */
export async function makeInPlace(host: Host, server: Placed, path: string, mode = 0o700): Promise<void> {
  if ((await host.stat(path)) !== undefined) return;
  const closed = await closedOf(host, path);
  if (closed.length === 0) return;
  const script = `${makeFolderAsRoot}\nmake_folder "$1" "$2" "$3"`;
  await must(await rootOf(server, closed), ["sh", "-c", script, "sh", host.user, path, mode.toString(8)], patience);
}

/** Whether pgsite can be root where a server is. */
export async function canBeRoot({ host }: Placed): Promise<boolean> {
  try {
    return (await hostOf({ ...host, user: "root" }).run(["true"])).code === 0;
  } catch (error) {
    if (error instanceof NotThatUser) return false;
    throw error;
  }
}

/** The folders of these paths in which the OS user may not put anything; one that is missing is that user's to make where the next above it is. */
async function closedOf(host: Host, ...paths: readonly string[]): Promise<readonly string[]> {
  const parents = [...new Set(paths.map((path) => dirname(path)))];
  const script = `for folder; do
  above=$folder
  until [ -e "$above" ]; do above=$(dirname -- "$above"); done
  [ -w "$above" ] || printf '%s\\n' "$folder"
done`;
  const said = await must(host, ["sh", "-c", script, "sh", ...parents]);
  return said.split("\n").filter((line) => line !== "");
}

async function rootOf(server: Placed, closed: readonly string[]): Promise<Host> {
  if (await canBeRoot(server)) return hostOf({ ...server.host, user: "root" });
  throw new Error(
    `${closed.join(" and ")} on ${server.host.name} is not ${server.host.user}'s to write, and pgsite cannot be root there: make it that user's (chown ${server.host.user} ${closed.join(" ")})`,
  );
}

/**
 * USER FROM TO: each is in a folder that is root's alone, or USER's own, and both are on one file system: whatever USER puts there
 * meanwhile, root does nothing but a rename, and of nothing but USER's.
 */
const renaming = `set -e
${makeFolderAsRoot}
user=$1 from=$2 to=$3
give_up() { echo "$*" >&2; exit 1; }
enter() {
  cd -P -- "$1"
  alone "$PWD" || [ -n "$(find . -prune -user "$user")" ] || give_up "$1 is neither $user's nor root's alone: root renames nothing there"
  stat -c %d .
}
one=$(enter "$(dirname -- "$from")")
other=$(enter "$(dirname -- "$to")")
[ "$one" = "$other" ] || give_up "$from and $to are on two file systems"
# One of the two is root's alone, whose path nobody changes; the other is where this is.
if (cd -P -- "$(dirname -- "$from")" && alone "$PWD"); then
  cd -P -- "$(dirname -- "$to")" && to=./$(basename -- "$to")
else
  cd -P -- "$(dirname -- "$from")" && from=./$(basename -- "$from")
fi
[ -n "$(find . -prune -user "$user")" ] || alone "$PWD" || give_up "$PWD is somebody else's by now"
[ "$(stat -c %d .)" = "$one" ] || give_up "$PWD is on another file system by now"
[ -n "$(find "$from" -prune -type d -user "$user")" ] || give_up "$from is no folder of $user's"
mv -T -- "$from" "$to"
sync "$(dirname -- "$from")" "$(dirname -- "$to")" 2>/dev/null || sync
`;
