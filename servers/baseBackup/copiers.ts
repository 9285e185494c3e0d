import { pipeline } from "node:stream/promises";
import type { Directories } from "../../config/controlDirectory.js";
import type { Host } from "../../hosts/host.js";
import { writing } from "../data/lock.js";
import type { CopyMethod } from "./methods.js";
import { Throttle, valve } from "./throttle.js";

/** One way of copying files of a folder into another, keeping modes and times; owner is the target's OS user. */
export interface Copier {
  readonly method: Exclude<CopyMethod, "pg_basebackup">;
  /** How many batches at once. */
  readonly parallel: number;
  /** True where one batch is to hold everything: it says itself how far it is. */
  readonly atOnce?: boolean;
  /**
   * Copies files (paths relative to both folders; their folders exist). One that vanished is fine. @throws otherwise
   * @param tell is given bytes as they are copied, by those that know
   */
  copy(
    from: string,
    to: string,
    paths: readonly string[],
    signal?: AbortSignal,
    tell?: (bytes: number) => void,
  ): Promise<void>;
}

/** A batch is at most one file of 1 GB, or 64 MB; this is for a host that stands still. */
const batchTimeout = 30 * 60_000;

/** A copy on one machine, as one OS user. @throws where the two hosts are not that, or have no such program */
export async function onOneMachine(
  method: Copier["method"],
  source: Host,
  target: Host,
  directories: Directories,
  compare: Comparison = "--ignore-times",
): Promise<Copier> {
  if (source.machine !== target.machine || source.user !== target.user) {
    throw new Error(
      `${method} copies on one machine, as one OS user; from ${source.user}@${source.name} to ${target.user}@${target.name} use --copy auto`,
    );
  }
  await refuseWithout(method, target);
  if (method === "tar") return tar(source, target, directories);
  return method === "cp" ? cp(target, directories) : rsync(target, directories, compare);
}

/** A copy between any two hosts, by way of the machine that we run on. @throws where one of them has no tar */
export async function throughUs(
  source: Host,
  target: Host,
  directories: Directories,
  rateLimit?: number,
): Promise<Copier> {
  await Promise.all([refuseWithout("tar", source), refuseWithout("tar", target)]);
  return tar(source, target, directories, rateLimit);
}

async function refuseWithout(program: string, host: Host): Promise<void> {
  if ((await host.run([program, "--version"])).code !== 0) {
    throw new Error(`${host.name} has no ${program}: install it, or choose another way (--copy, baseBackup.method)`);
  }
}

function cp(host: Host, directories: Directories): Copier {
  return {
    method: "cp",
    parallel: 3,
    async copy(from, to, paths, signal) {
      const argv = ["cp", "-a", "--reflink=auto", "--parents", "-t", to, "--", ...paths];
      const result = await host.run(writing(directories, argv), { cwd: from, timeout: batchTimeout, ...given(signal) });
      signal?.throwIfAborted();
      check("cp", result.code, result.stderr, [
        /^cp: (cannot stat|cannot open|failed to get attributes of) .*: No such file or directory$/,
      ]);
    },
  };
}

/**
 * What rsync leaves as it is. --ignore-times: nothing, since what is to be copied was decided before, and not by size and time
 * alone; --checksum: what is the same to the last byte, where most is.
 */
export type Comparison = "--ignore-times" | "--checksum";

function rsync(host: Host, directories: Directories, compare: Comparison): Copier {
  return {
    method: "rsync",
    parallel: 2,
    async copy(from, to, paths, signal) {
      const argv = [
        "rsync",
        "--archive",
        "--no-owner",
        "--no-group",
        compare,
        "--from0",
        "--files-from=-",
        `${from}/`,
        `${to}/`,
      ];
      const result = await host.run(writing(directories, argv), {
        input: `${paths.join("\0")}\0`,
        timeout: batchTimeout,
        ...given(signal),
      });
      signal?.throwIfAborted();
      check("rsync", result.code, result.stderr, vanishedByRsync);
    },
  };
}

/** What rsync says of files that went while it copied. */
export const vanishedByRsync = [
  /^file has vanished: /,
  /^rsync: .*link_stat .* failed: No such file or directory \(2\)$/,
  /^rsync (error|warning): some files/,
];

/** What tar says of files that went or changed while it read. */
export const vanishedByTar = [
  /: Cannot (stat|open): No such file or directory$/,
  /: file changed as we read it$/,
  /: File removed before we read it$/,
  /: File shrank by \d+ bytes; padding with zeros$/,
  /: Exiting with failure status due to previous errors$/,
];

/** tar stops at the archive's end; whoever left before our end of the stream would seem to have broken off. */
const toTheEnd = '"$@" && cat >/dev/null';

function tar(source: Host, target: Host, directories: Directories, rateLimit?: number): Copier {
  const throttle = rateLimit === undefined ? undefined : new Throttle(rateLimit);
  return {
    method: "tar",
    parallel: 2,
    async copy(from, to, paths, signal) {
      // posix: times to the nanosecond, names of any length.
      const options = ["--format=posix", "--no-recursion", "--null", "--verbatim-files-from", "--files-from=-"];
      const reader = await source.spawn(
        ["tar", "--create", "--file=-", `--directory=${from}`, ...options],
        given(signal),
      );
      const writer = await target.spawn(
        writing(directories, [
          "sh",
          "-c",
          toTheEnd,
          "sh",
          "tar",
          "--extract",
          "--file=-",
          "--no-same-owner",
          "--preserve-permissions",
          `--directory=${to}`,
        ]),
        given(signal),
      );
      reader.stdin.on("error", () => undefined);
      reader.stdin.end(`${paths.join("\0")}\0`);
      const moved = await pipeline(reader.stdout, valve(throttle), writer.stdin).then(
        () => undefined,
        (error: Error) => error,
      );
      if (moved !== undefined) {
        reader.kill();
        writer.kill();
      }
      const [read, written] = await Promise.all([reader.ended, writer.ended]);
      signal?.throwIfAborted();
      check(`tar on ${target.name}`, written.code, written.stderr, []);
      check(`tar on ${source.name}`, read.code, read.stderr, vanishedByTar);
      if (moved !== undefined) throw new Error(`the copy through tar broke off: ${moved.message}`);
    },
  };
}

function given(signal: AbortSignal | undefined): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

/** Files vanish and change while PostgreSQL runs, and recovery makes up for that; anything else is an error. */
export function check(program: string, code: number, stderr: string, fine: readonly RegExp[]): void {
  if (code === 0) return;
  const lines = stderr.split("\n").filter((line) => line.trim() !== "");
  const bad = lines.filter((line) => !fine.some((pattern) => pattern.test(line)));
  if (bad.length > 0 || lines.length === 0) {
    throw new Error(`${program} failed (exit code ${code}): ${bad.slice(0, 3).join("; ") || "it says nothing"}`);
  }
}
