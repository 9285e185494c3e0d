import { dirname } from "node:path";
import type { FileStatus } from "../host.js";
import { quote } from "../quote.js";
import type { Answer } from "./session.js";

/**
 * What the file operations say to a shell, and how they understand its answers; POSIX's shell, coreutils and find are all
 * that is needed. `undefined` where nothing is at the path.
 */
export const files = {
  read: (path: string) => `cat -- ${quote(path)}`,

  readBytes: (path: string, offset: number, length: number) =>
    offset === 0
      ? `head -c ${length} -- ${quote(path)}`
      : `tail -c +${offset + 1} -- ${quote(path)} | head -c ${length}`,

  readTail: (path: string, length: number) => `tail -c ${length} -- ${quote(path)}`,

  stat: (path: string) => `stat -L -c "%f %s %u %.9Z %U" -- ${quote(path)}`,

  realPath: (path: string) => `readlink -e -v -- ${quote(path)}`,

  list: (path: string) => `find ${quote(inside(path))} -mindepth 1 -maxdepth 1 -printf "%f\\\\0"`,

  makeDirectory: (path: string, mode: number) => {
    const [folder, parent] = [quote(path), quote(dirname(path))];
    return `[ -e ${folder} ] || { (umask 022; mkdir -p -- ${parent}) && { mkdir -m ${octal(mode)} -- ${folder} || [ -d ${folder} ]; }; }`;
  },
} as const;

/**
 * A new file takes its content from standard input, is ours alone from the start, and takes the old one's place when it
 * is whole and on the disk: a connection that is cut ends the input early.
 */
export function writingScript(path: string, temporary: string, size: number, mode: number): string {
  const [to, made, folder] = [quote(path), quote(temporary), quote(dirname(path))];
  const undo = quote(`rm -f -- ${made}`);
  return `umask 077; set -C; trap ${undo} EXIT; trap "exit 1" TERM HUP
cat >${made} && [ "$(wc -c <${made})" -eq ${size} ] && sync ${made} && chmod ${octal(mode)} ${made} &&
mv -f -T -- ${made} ${to} && sync ${folder}`;
}

/** What a file operation brought; undefined where it says that nothing is there. @throws with the host's own words otherwise */
export function unlessAbsent(answer: Answer, what: string): Buffer | undefined {
  const { code, stdout, stderr } = answer;
  // tail of what head cuts short: the exit code is head's, and only what was said tells of a failure.
  if (code === 0 && stderr === "") return stdout;
  if (/: (?:No such file or directory|Not a directory)\n$/.test(stderr)) return undefined;
  throw new Error(`${what}: ${stderr.trim() || `exit code ${code}`}`);
}

export function parseStatus(line: string): FileStatus {
  const [raw = "", size, uid = "", seconds, name = ""] = line.trim().split(" ");
  const bits = Number.parseInt(raw, 16);
  const type = bits & 0o170000;
  return {
    type: type === 0o100000 ? "file" : type === 0o040000 ? "directory" : "other",
    size: Number(size),
    mode: bits & 0o7777,
    owner: name === "UNKNOWN" ? uid : name,
    // Programs of the days of 9.0 have no fractions, and print something else.
    changed: (Number(seconds) || 0) * 1000,
  };
}

/** The folder that a link leads to; and no option of find's, whatever it is called. */
function inside(path: string): string {
  return path.endsWith("/") ? `${path}.` : `${path}/.`;
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}
