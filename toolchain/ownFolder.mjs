// Folders of this machine that are ours. Plain Node, no dependencies: this runs before node_modules exists.
import { chmodSync, lstatSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { ToolchainError } from "./steps.mjs";

/**
 * The folder `path`, made with `mode` if it is missing, and with no more than that mode if it is there. Whoever could change
 * what is in it could have us run what he likes: so it is a folder and no link, ours, and was never open to others, and what
 * it lies in lets nobody put another in its place. Throws where it is not so, with the remedy.
 */
export function ownFolder(path, mode = 0o700) {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if (error.code === "ENOENT" && dirname(path) !== path) {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      return ownFolder(path, mode);
    }
    if (error.code !== "EEXIST") throw error;
  }
  const why = notOurs(path);
  if (why !== undefined) throw new ToolchainError(`${path} is not used: ${why}`);
  const extra = lstatSync(path).mode & 0o777 & ~mode;
  if (extra !== 0) chmodSync(path, mode);
  return path;
}

/** Why a folder or program that is there is not ours alone to change, with the remedy; undefined where it is. */
export function notOurs(path) {
  const uid = process.getuid?.();
  if (uid === undefined) return undefined; // Windows has neither owners nor modes.
  const status = lstatSync(path);
  if (status.isSymbolicLink()) return `it is a link; remove it (rm ${path})`;
  if (status.uid !== uid) {
    return `it belongs to the OS user with the number ${status.uid}, and we are ${uid}: whoever made it could have pgsite run anything. Look who that is, and remove it (rm -r ${path})`;
  }
  if (isOpen(status)) {
    return `others may write there (mode ${(status.mode & 0o7777).toString(8)}): remove it (rm -r ${path}), or make sure that nobody did, and chmod go-w it`;
  }
  const parent = dirname(path);
  const above = statSync(parent);
  const isSafe = above.uid === uid || above.uid === 0;
  // What is sticky lets nobody but its owner rename what is in it.
  if (isSafe && (!isOpen(above) || (above.mode & 0o1000) !== 0)) return undefined;
  return `others may put another in its place, since ${parent} is ${isSafe ? "open to all" : "somebody else's"}: mend its owner and mode`;
}

/** Whether somebody else may write there. Many systems give each user a group of his own, and his umask leaves that the right. */
function isOpen({ mode, gid }) {
  return (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && gid !== process.getgid?.());
}
