import { chmodSync, chownSync, mkdtempSync } from "node:fs";
import { userInfo } from "node:os";
import { osUser } from "../../hosts/users.js";

/** The OS user that servers of tests run as: ourselves, or where we are root an unprivileged one. */
export async function serverUser(): Promise<string> {
  const { uid, username } = userInfo();
  if (uid !== 0) return username;
  return osUser("postgres").then(
    () => "postgres",
    () => "nobody",
  );
}

/** A new folder in which, as on any host, whoever runs the servers can make theirs. */
export async function serverFolder(prefix: string): Promise<string> {
  const folder = mkdtempSync(prefix);
  chmodSync(folder, 0o755);
  const { uid, gid } = await osUser(await serverUser());
  if (userInfo().uid === 0) chownSync(folder, uid, gid);
  return folder;
}
