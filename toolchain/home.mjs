// A Pulumi home of our own, with the `command` plugin in it. The user's ~/.pulumi is never touched.
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { toolchainEnvironment } from "./environment.mjs";
import { checkout, platform, toolchainCache } from "./paths.mjs";
import { locked, recall, remember, run, say } from "./steps.mjs";

/** The version of npm's @pulumi/command: its program asks for the plugin of the same version. */
const version = "1.2.1";
const name = "pulumi-resource-command";
const pluginFolder = `resource-command-v${version}`;

/** How long a failed download is remembered. */
const patienceMilliseconds = 24 * 3600 * 1000;

/** A download from a server that does not answer costs at most this. */
const downloadSeconds = 30;

/**
 * Makes `home` a Pulumi home with the command plugin: the official one, or ours where that cannot be had. `given` is
 * the folder of another plugin to use instead. Returns `official`, `stand-in` or `given`.
 */
export async function prepareHome(home, { given, quiet = false } = {}) {
  const folder = join(home, "plugins", pluginFolder);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (given !== undefined) {
    put(folder, launcher(`exec ${quoted(join(given, name))} "$@"`));
    return "given";
  }
  const official = await findCommandPlugin();
  if (official !== undefined) {
    link(official, folder);
    return "official";
  }
  const bundle = join(checkout, "dist", "command-plugin", "main.js");
  const node = quoted(process.execPath);
  // The Node that ran this may be gone one day; then any other does.
  const changed = put(
    folder,
    launcher(`[ -x ${node} ] && exec ${node} ${quoted(bundle)} "$@"\nexec node ${quoted(bundle)} "$@"`),
  );
  if (changed && !quiet) say(`Pulumi's command plugin ${version} could not be had: pgsite's own stands in for it`);
  return "stand-in";
}

function launcher(command) {
  return `#!/bin/sh\n${command}\n`;
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Writes the plugin's program where it is not there yet; tells whether it did. */
function put(folder, text) {
  const program = join(folder, name);
  try {
    if (readFileSync(program, "utf8") === text) return false;
  } catch {
    // There is none yet.
  }
  const temporary = `${program}.${process.pid}`;
  writeFileSync(temporary, text, { mode: 0o755 });
  renameSync(temporary, program);
  return true;
}

function link(official, folder) {
  const program = join(folder, name);
  const temporary = `${program}.${process.pid}`;
  try {
    linkSync(official, temporary);
  } catch {
    copyFileSync(official, temporary); // Another file system.
  }
  renameSync(temporary, program);
  rmSync(temporary, { force: true }); // rename leaves both where they were links to one file
}

/** The official plugin's program in the user's cache, fetched if it can be; undefined where it cannot. */
export async function findCommandPlugin() {
  const program = join(toolchainCache(), `command-${version}-${platform}`, name);
  const note = join(toolchainCache(), `command-${version}-${platform}.json`);
  const has = () => existsSync(program);
  const gaveUp = () => Date.now() - (recall(note)?.failedAt ?? 0) < patienceMilliseconds;
  if (!has() && !gaveUp())
    await locked(`${note}.lock`, () => (has() || gaveUp() ? undefined : download(program, note)));
  return has() ? program : undefined;
}

async function download(program, note) {
  say(`getting Pulumi's command plugin ${version} (for at most ${downloadSeconds} s)`);
  const home = mkdtempSync(join(toolchainCache(), "home-"));
  try {
    const env = { ...(await toolchainEnvironment()), PULUMI_HOME: home };
    const args = ["plugin", "install", "resource", "command", version];
    const result = await run("pulumi", args, { env, cwd: home, seconds: downloadSeconds });
    const fetched = join(home, "plugins", pluginFolder);
    if (result.code === 0 && existsSync(join(fetched, name))) renameSync(fetched, join(program, ".."));
    else remember(note, { failedAt: Date.now() });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
