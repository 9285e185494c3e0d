import type { Host } from "../../hosts/host.js";

/**
 * Makes a folder of sockets that is missing, as the servers' user. What is there is somebody's choice, `/tmp` say, and stays as
 * it is: a folder that belonged to the server after each start would be taken from everybody else. Argument: `$folder`.
 */
export const makeOwn = '[ -d "$folder" ] || (umask 022; mkdir -p -- "$folder") 2>/dev/null';

/**
 * Functions of a POSIX shell, for root. `make_folder USER FOLDER` makes one that is missing where its user may not, below
 * /run say, and only where root alone can put something: anybody else could put a link there meanwhile, and have root give
 * away what that leads to. systemd's RuntimeDirectory= would change owner and mode of a folder that is there.
 */
export const makeAsRoot = `alone() {
  at=$1
  while [ -n "$(find "$at/." -prune -user 0 ! -perm -020 ! -perm -002)" ]; do
    [ "$at" != / ] || return 0
    at=$(dirname -- "$at")
  done
  return 1
}
make_folder() {
  [ ! -e "$2" ] && [ ! -L "$2" ] || return 0
  parent=$(dirname -- "$2")
  above=$parent
  until [ -d "$above" ]; do above=$(dirname -- "$above"); done
  if alone "$above" && alone "$(cd -P -- "$above" && pwd)"; then
    (umask 022; mkdir -p -- "$parent") && mkdir -m 755 -- "$2" && chown -h -- "$1" "$2"
  else
    echo "$2 is missing, and root makes no folder where others may put something: $at" >&2
  fi
}`;

/** For any shell: its arguments are the folders. */
export const makeOwnFolders = `for folder; do ${makeOwn}; done; :`;

/** For root's shell: its arguments are the user and the folders. */
export const makeFoldersAsRoot = `${makeAsRoot}
user=$1
shift
for folder; do make_folder "$user" "$folder"; done`;

/** Folders of sockets lie on file systems that a reboot empties (/run): the server does not make them itself. @throws where one cannot be made */
export async function makeSocketFolders(host: Host, root: () => Host, folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    const isThere = async () => (await host.stat(folder))?.type === "directory";
    if (await isThere()) continue;
    await host.run(["sh", "-c", makeOwnFolders, "sh", folder]);
    if (await isThere()) continue;
    const made = root().run(["sh", "-c", makeFoldersAsRoot, "sh", host.user, folder]);
    const said = await made.then(
      ({ stderr }) => stderr.trim(),
      (error: Error) => error.message,
    );
    if (await isThere()) continue;
    throw new Error(
      `${folder} on ${host.name}, where the server puts its socket, is no folder and cannot be made${said === "" ? "" : ` (${said})`}: make it as root (install -d -o ${host.user} -m 0755 ${folder}), or declare another in unix_socket_directories`,
    );
  }
}
