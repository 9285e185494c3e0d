import { statSync } from "node:fs";
import { command } from "../multihost/command.js";
import type { Canaries, Kind } from "./secrets.js";

/** A secret in a file. */
export interface Kept {
  readonly machine: string;
  readonly path: string;
  readonly mode: string;
  readonly kind: Kind;
}

/** Where files are looked for. */
export interface Place {
  readonly machine: string;
  /** What stands before its paths on the machine that runs the test: `/proc/PID/root`. */
  readonly root: string;
  readonly folders: readonly string[];
  /** Folders that are left out: the test's own. */
  readonly without?: readonly string[];
}

/** Files of a place that were written or moved since then and hold what is looked for; by kind. */
export async function filesThatHold(canaries: Canaries, place: Place, since: Date): Promise<readonly Kept[]> {
  const { machine, root, folders, without = [] } = place;
  const away = without.flatMap((path) => ["-path", `${root}${path}`, "-prune", "-o"]);
  const newer = `@${Math.floor(since.getTime() / 1000) - 1}`;
  const paths = folders.map((folder) => `${root}${folder}`);
  // `find` says of what vanishes meanwhile that it could not look at it; grep the same.
  const argv = ["find", ...paths, "-xdev", ...away, "-type", "f", "-newerct", newer, "-print0"];
  const { stdout } = await command(argv, { seconds: 120 });
  const files = stdout.split("\0").filter((path) => path !== "");
  const patterns = `${canaries.forms.join("\n")}\n`;
  const found = new Map<string, Kept>();
  for (let at = 0; at < files.length; at += 500) {
    const some = files.slice(at, at + 500);
    const grep = ["grep", "-aoHFZs", "-f", "-", "--", ...some];
    const env = { ...process.env, LC_ALL: "C" };
    const { stdout: lines } = await command(grep, { input: patterns, env, seconds: 120 });
    for (const line of lines.split("\n")) {
      const [path, form] = line.split("\0");
      if (path === undefined || form === undefined) continue;
      const kind = canaries.kindOf(form);
      const status = statSync(path, { throwIfNoEntry: false });
      const mode = status === undefined ? "gone" : (status.mode & 0o7777).toString(8).padStart(4, "0");
      found.set(`${path} ${kind}`, { machine, path: path.slice(root.length), mode, kind });
    }
  }
  return [...found.values()];
}
