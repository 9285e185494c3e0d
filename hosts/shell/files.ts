import { dirname } from "node:path";
import { type FileStatus, HostError, maximalFile } from "../host.js";
import { quote } from "../quote.js";
import type { Answer } from "./session.js";

/**
 * What the file operations say to a shell, and how they understand its answers; POSIX's shell, coreutils and find are all
 * that is needed. `undefined` where nothing is at the path.
 */
export const files = {
  /** One byte more than a file may have tells that it is too long. */
  read: (path: string) => ofFile(path, `head -c ${maximalFile + 1} -- ${quote(path)}`),

  readBytes: (path: string, offset: number, length: number) =>
    ofFile(
      path,
      offset === 0
        ? `head -c ${length} -- ${quote(path)}`
        : `tail -c +${offset + 1} -- ${quote(path)} | head -c ${length}`,
    ),

  readTail: (path: string, length: number) => ofFile(path, `tail -c ${length} -- ${quote(path)}`),

  stat: (path: string) => `stat -L -c "%f %s %u %.9Z %U" -- ${quote(path)}`,

  realPath: (path: string) => `readlink -e -v -- ${quote(path)}`,

  list: (path: string) => `find ${quote(inside(path))} -mindepth 1 -maxdepth 1 -printf "%f\\\\0"`,

  makeDirectory: (path: string, mode: number) => {
    const [folder, parent] = [quote(path), quote(dirname(path))];
    const made = `said=$(mkdir -m ${octal(mode)} -- ${folder} 2>&1)`;
    // Whoever makes it at the same moment does no harm, and mkdir's word about that is no failure.
    return `[ -d ${folder} ] || { (umask 022; mkdir -p -- ${parent}) && { ${made} || [ -d ${folder} ] || { printf '%s\\n' "$said" >&2; false; }; }; }`;
  },
} as const;

/** The exit code of what is to read a file and finds something else, whose kind it prints. */
export const noFile = 98;

/**
 * Nothing but a file is opened: a FIFO would keep the shell waiting, and a device has no end. A file that is put there between
 * the two looks (a server that starts writes its postmaster.pid) is read.
 */
function ofFile(path: string, act: string): string {
  const kind = `kind=$(stat -L -c %F -- ${quote(path)})`;
  return `if [ -f ${quote(path)} ]; then ${act}; else ${kind} && case $kind in regular*) ${act};; *) echo "$kind"; (exit ${noFile});; esac; fi`;
}

/**
 * A new file takes its content from a program's output, is ours alone from the start, and takes the old one's place when it
 * is whole and on the disk: a connection that is cut ends the input early.
 */
export function writingScript(path: string, temporary: string, size: number, mode: number, source = "cat"): string {
  const [to, made, folder] = [quote(path), quote(temporary), quote(dirname(path))];
  const undo = quote(`rm -f -- ${made}`);
  const whole = `[ "$(wc -c <${made})" -eq ${size} ]`;
  return [
    `umask 077; set -C; trap ${undo} EXIT; trap "exit 1" TERM HUP; ${source} >${made}`,
    ...[whole, `sync ${made}`, `chmod ${octal(mode)} ${made}`, `mv -f -T -- ${made} ${to}`, `sync ${folder}`],
  ].join(" && ");
}

/** The exit code of what a session's shell leaves to a program of its own. */
export const notHere = 99;

/** What a session's shell is asked to write at once, in bytes of its request: a shell reads it byte by byte. */
const small = 4096;

/**
 * The same by the session's own shell, where the content is small; undefined where it is not. It is in no argument of any
 * program: a shell that has no `printf` of its own says `notHere`.
 */
export function writingSmall(path: string, temporary: string, content: Buffer, mode: number): string | undefined {
  const escaped = content
    .toString("latin1")
    .replaceAll(/[^ -&(-[\]-~]/g, (character) => `\\0${character.charCodeAt(0).toString(8).padStart(3, "0")}`);
  if (escaped.length > small) return undefined;
  const script = writingScript(path, temporary, content.length, mode, `printf %b ${quote(escaped)}`);
  return `([ "$(command -v printf)" = printf ] || exit ${notHere}; ${script})`;
}

/** Removes a file, and leaves a folder, which may take long, to a program. */
export function removingFile(path: string): string {
  return `if [ -d ${quote(path)} ] && [ ! -L ${quote(path)} ]; then (exit ${notHere}); else rm -f -- ${quote(path)}; fi`;
}

/** What a file operation brought; undefined where it says that nothing is there. @throws with the host's own words otherwise */
export function unlessAbsent(answer: Answer, what: string): Buffer | undefined {
  const { code, stdout, stderr } = answer;
  // tail of what head cuts short: the exit code is head's, and only what was said tells of a failure.
  if (code === 0 && stderr === "") return stdout;
  if (/: (?:No such file or directory|Not a directory)\n$/.test(stderr)) return undefined;
  throw new HostError(`${what}: ${stderr.trim() || `exit code ${code}`}`);
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
