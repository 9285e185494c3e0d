import { compiledIn } from "../../config/socketFolders.js";
import type { Host } from "../../hosts/host.js";
import { makeFolderAsRoot } from "../../hosts/rootFolder.js";
import { compiledInFunction, packagedSocketFolders } from "../../postgres/socketFolder.js";

/**
 * Makes a folder of sockets that is missing, as the servers' user. What is there is somebody's choice, `/tmp` say, and stays as
 * it is: a folder that belonged to the server after each start would be taken from everybody else. Argument: `$folder`.
 */
export const makeOwn = '[ -d "$folder" ] || (umask 022; mkdir -p -- "$folder") 2>/dev/null';

/** For any shell: its arguments are the folders. */
export const makeOwnFolders = `for folder; do ${makeOwn}; done; :`;

/** The same for the folder that stands in the program that is its argument. */
export const makeOwnCompiledIn = `${compiledInFunction}
folder=$(compiled_in "$1")
[ -z "$folder" ] || { ${makeOwn}; }; :`;

/**
 * For root's shell: its arguments are the user and the folders. systemd's RuntimeDirectory= would change owner and mode of a
 * folder that is there.
 */
export const makeFoldersAsRoot = `${makeFolderAsRoot}
user=$1
shift
for folder; do make_folder "$user" "$folder"; done`;

/** The same for the folder that stands in the program that is its second argument. */
export const makeCompiledInAsRoot = `${makeFolderAsRoot}
${compiledInFunction}
folder=$(compiled_in "$2")
[ -z "$folder" ] || make_folder "$1" "$folder"`;

/** A pattern of the shell's `case`: what root takes from a program that may be its user's own. */
export const packagedPattern = packagedSocketFolders.join(" | ");

/** The folders as they are on a host, where the stack says nothing of them. */
async function foldersOn(host: Host, places: readonly string[] | typeof compiledIn, program: string) {
  if (places !== compiledIn) return places;
  const { stdout } = await host.run(["sh", "-c", `${compiledInFunction}\ncompiled_in "$1"`, "sh", program]);
  return stdout.split("\n").filter((line) => line !== "");
}

/**
 * Folders of sockets lie on file systems that a reboot empties (/run): the server does not make them itself.
 * @param program the server's, which has its own folder compiled in @throws where one cannot be made
 */
export async function makeSocketFolders(
  host: Host,
  root: () => Host,
  places: readonly string[] | typeof compiledIn,
  program: string,
): Promise<void> {
  for (const folder of await foldersOn(host, places, program)) {
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
      `${folder} on ${host.name}, where the server puts its socket, is no folder and cannot be made${said === "" ? "" : ` (${said})`}: make it as root, and after each boot that empties it (install -d -o ${host.user} -m 0755 ${folder}), or declare another in unix_socket_directories`,
    );
  }
}
