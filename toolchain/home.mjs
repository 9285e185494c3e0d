// A Pulumi home of our own, with the `command` plugin in it. The user's ~/.pulumi is never touched.
import { copyFileSync, linkSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { commandPlugin, commandPluginFolder, findCommandPlugin } from "./commandPlugin.mjs";

/**
 * Makes `home` a Pulumi home with the command plugin: the official one, or ours where that cannot be had. `given` is
 * the folder of another plugin to use instead. Returns `official`, `stand-in` or `given`.
 */
export async function prepareHome(home, { given } = {}) {
  const folder = join(home, commandPluginFolder);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (given !== undefined) {
    // A program that looks for what is beside it finds it.
    put(join(given, commandPlugin), join(folder, commandPlugin), symlinkSync);
    return "given";
  }
  const { kind, program } = await findCommandPlugin();
  put(program, join(folder, commandPlugin), linkSync);
  return kind;
}

/** Makes `path` the program, which it may be already. */
function put(program, path, make) {
  if (sameFile(program, path)) return;
  const temporary = `${path}.${process.pid}`;
  try {
    make(program, temporary);
  } catch {
    copyFileSync(program, temporary); // Another file system.
  }
  renameSync(temporary, path);
  rmSync(temporary, { force: true }); // rename leaves both where they were links to one file
}

function sameFile(one, other) {
  const [left, right] = [one, other].map((path) => statSync(path, { throwIfNoEntry: false }));
  return left !== undefined && left.ino === right?.ino && left.dev === right.dev;
}
