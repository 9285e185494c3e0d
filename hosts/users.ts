import { readFile } from "node:fs/promises";
import { execa } from "execa";
import { HostError } from "./host.js";
import { rootByAnotherName } from "./root.js";

/** An OS user of this machine, as the password database has it. */
export interface OsUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

const known = new Map<string, Promise<OsUser>>();

/** Looks a user of this machine up. @throws where there is no such user, with the remedy. */
export function osUser(name: string): Promise<OsUser> {
  let found = known.get(name);
  if (found === undefined) {
    found = lookUp(name);
    known.set(name, found);
  }
  return found;
}

async function lookUp(name: string): Promise<OsUser> {
  // Most users are in the file: starting a program would cost every preview. getent knows the other sources too.
  const local = await readFile("/etc/passwd", "utf8").catch(() => "");
  const entry = local.split("\n").find((line) => line.startsWith(`${name}:`)) ?? (await asked(name));
  const [login, , uid, gid, , home] = entry.split(":");
  if (login === undefined || uid === undefined || gid === undefined) {
    throw new HostError(`this machine has no OS user "${name}": create it, or name another in osUser`);
  }
  if (Number(uid) === 0 && name !== "root") throw new HostError(rootByAnotherName(`this machine's ${name}`));
  return { name: login, uid: Number(uid), gid: Number(gid), home: home ?? "/" };
}

async function asked(name: string): Promise<string> {
  const { stdout, exitCode } = await execa("getent", ["passwd", "--", name], { reject: false });
  return exitCode === 0 ? stdout : "";
}
