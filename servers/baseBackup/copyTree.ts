import { setMaxListeners } from "node:events";
import { dirname, join } from "node:path";
import pLimit from "p-limit";
import type { Directories } from "../../config/controlDirectory.js";
import type { Host } from "../../hosts/host.js";
import { writing } from "../data/lock.js";
import type { Copier } from "./copiers.js";
import { batchesOf, type Entry, isProvenCopy, parseWalk, walkFormat } from "./entries.js";
import type { CopyProgress } from "./progress.js";

const walkTimeout = 30 * 60_000;

/** Everything in a folder, links not followed. Files that vanish meanwhile are left out. */
export async function walk(host: Host, folder: string, signal?: AbortSignal): Promise<readonly Entry[]> {
  const argv = [
    "find",
    `${folder}/`,
    "-ignore_readdir_race",
    "-mindepth",
    "1",
    "-name",
    "lost+found",
    "-prune",
    "-o",
    "-printf",
    walkFormat,
  ];
  const result = await host.run(argv, { timeout: walkTimeout, ...(signal === undefined ? {} : { signal }) });
  signal?.throwIfAborted();
  const bad = result.stderr.split("\n").filter((line) => line !== "" && !line.endsWith("No such file or directory"));
  if (bad.length > 0) throw new Error(`${folder} on ${host.name} cannot be read: ${bad[0]}`);
  return parseWalk(result.stdout);
}

/** A folder to be copied: the data directory, or a tablespace. */
export interface Tree {
  readonly from: string;
  readonly to: string;
  /** What is to be in the copy: folders and files. */
  readonly entries: readonly Entry[];
  /** What an earlier attempt left in the target; nothing else may be in it. */
  readonly present: readonly Entry[];
  /** Names of the top level that are left alone in the target. */
  readonly keep: readonly string[];
}

/** What is still to be done for a tree. */
interface Plan {
  readonly tree: Tree;
  readonly directories: readonly string[];
  readonly remove: readonly string[];
  readonly files: readonly Entry[];
  readonly proven: readonly Entry[];
}

function plan(tree: Tree, began: number | undefined): Plan {
  const present = new Map(tree.present.map((entry) => [entry.path, entry]));
  const wanted = new Map(tree.entries.map((entry) => [entry.path, entry.type]));
  const files = tree.entries.filter(({ type }) => type === "file");
  const proven = began === undefined ? [] : files.filter((file) => isProvenCopy(file, present.get(file.path), began));
  const provenPaths = new Set(proven.map(({ path }) => path));
  return {
    tree,
    directories: tree.entries.filter(({ type }) => type === "directory").map(({ path }) => path),
    remove: tree.present
      .filter(({ path, type }) => !tree.keep.includes(path) && wanted.get(path) !== type)
      .map(({ path }) => path),
    files: files.filter(({ path }) => !provenPaths.has(path)),
    proven,
  };
}

/**
 * Copies trees, in parallel batches.
 * @param began when the earlier attempt began, where its files may be kept (seconds of the source's clock)
 * @returns bytes copied, and bytes that an earlier attempt had copied
 */
export async function copyTrees(options: {
  readonly target: Host;
  readonly directories: Directories;
  readonly copier: Copier;
  readonly trees: readonly Tree[];
  readonly began: number | undefined;
  readonly progress: CopyProgress;
  readonly signal: AbortSignal;
}): Promise<{ readonly copied: number; readonly kept: number }> {
  const { target, directories, copier, progress } = options;
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  setMaxListeners(0, signal);
  const plans = options.trees.map((tree) => plan(tree, options.began));
  const bytes = (entries: readonly Entry[]) => entries.reduce((sum, { size }) => sum + size, 0);
  const kept = bytes(plans.flatMap(({ proven }) => proven));
  const copied = bytes(plans.flatMap(({ files }) => files));
  progress.start(kept + copied, kept);
  try {
    const limit = pLimit(copier.parallel);
    for (const { tree, remove, directories: folders } of plans) {
      await onNames(target, directories, ["rm", "-rf", "--"], tree.to, remove, signal);
      await target.makeDirectory(tree.to);
      await onNames(target, directories, ["mkdir", "-p", "-m", "0700", "--"], tree.to, folders, signal);
    }
    const jobs = plans.flatMap(({ tree, files }) =>
      (copier.atOnce ? all(files) : batchesOf(files)).map((batch) => ({ tree, batch })),
    );
    const outcomes = await Promise.allSettled(
      jobs.map(({ tree, batch }) =>
        limit(async () => {
          signal.throwIfAborted();
          let told = 0;
          const tell = (amount: number) => {
            told += amount;
            progress.advance(amount);
          };
          const paths = batch.map(({ path }) => path);
          try {
            await copier.copy(tree.from, tree.to, paths, signal, tell);
          } catch (error) {
            // The first failure ends the others; theirs are only its echo.
            if (!signal.aborted) failed.abort(error);
            throw error;
          }
          tell(bytes(batch) - told);
        }),
      ),
    );
    signal.throwIfAborted();
    const rejected = outcomes.find((outcome) => outcome.status === "rejected");
    if (rejected !== undefined) throw rejected.reason;
  } finally {
    progress.end();
  }
  return { copied, kept };
}

/** One batch, where there is anything. */
function all(files: readonly Entry[]): readonly (readonly Entry[])[] {
  return files.length === 0 ? [] : [files];
}

/** Runs a program with paths inside a folder as its last arguments, as many at a time as fit a command line. */
export async function onNames(
  host: Host,
  directories: Directories,
  argv: readonly string[],
  folder: string,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  for (let index = 0; index < names.length; index += 500) {
    const paths = names.slice(index, index + 500).map((name) => join(folder, name));
    const options = { timeout: walkTimeout, ...(signal === undefined ? {} : { signal }) };
    const result = await host.run(writing(directories, [...argv, ...paths]), options);
    signal?.throwIfAborted();
    if (result.code !== 0) {
      throw new Error(`${argv[0]} in ${dirname(paths[0] ?? folder)} on ${host.name} failed: ${result.stderr.trim()}`);
    }
  }
}
