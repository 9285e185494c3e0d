import { chmodSync, lstatSync, mkdirSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";

/**
 * A folder of this machine that only we can enter, for sockets. @param base @default XDG_RUNTIME_DIR, or the temporary folder
 * @throws where somebody else made it
 */
export function privateFolder(purpose: string, base = process.env.XDG_RUNTIME_DIR ?? tmpdir()): string {
  const { uid } = userInfo();
  const folder = join(base, `pgsite-${purpose}-${uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const status = lstatSync(folder);
  if (!status.isDirectory() || status.uid !== uid) {
    throw new Error(`${folder} is not a folder of ours: remove it, or set XDG_RUNTIME_DIR to a folder of your own`);
  }
  chmodSync(folder, 0o700);
  return folder;
}
