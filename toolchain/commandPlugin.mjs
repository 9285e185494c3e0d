// Gets Pulumi's command plugin: the official one, or where its server cannot be reached one of ours, built by Go.
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { join, sep } from "node:path";
import { toolchainEnvironment } from "./environment.mjs";
import { fetchedOnce } from "./fetched.mjs";
import { buildGo, builtOnce, goEnvironment, hasGo, sourcesOf, wantGo } from "./go.mjs";
import { checkout, platform, toolchainCache } from "./paths.mjs";
import { installedPlugin, pluginOnPath, usersPulumiHome } from "./plugins.mjs";
import { run, say } from "./steps.mjs";

/** The version of npm's @pulumi/command: its program asks for the plugin of the same version. */
const version = "1.2.1";
export const commandPlugin = "pulumi-resource-command";
/** Where in a Pulumi home it is looked for. */
export const commandPluginFolder = join("plugins", `resource-command-v${version}`);

/** A download from a server that does not answer costs at most this. */
const downloadSeconds = 30;

const standIn = { name: commandPlugin, version: "(a stand-in)", package: ".", link: "-s -w" };

/**
 * The plugin's `program`, its `kind`, and `from`: where it comes from, in a few words. An official one that is on this machine
 * comes first, then one that can be fetched.
 */
export async function findCommandPlugin() {
  const isOfficial = (folder, from) => ({ kind: "official", program: join(folder, commandPlugin), from });
  const installed = installedPlugin("command", version, usersPulumiHome());
  if (installed !== undefined) return isOfficial(installed, `official, installed in ${installed}`);
  const onPath = officialOnPath();
  if (onPath !== undefined) return isOfficial(onPath, `from the PATH, ${onPath}`);
  const fetched = join(toolchainCache(), `command-${version}-${platform}`);
  const why = await fetchedOnce(fetched, { fetch: download, hasOtherWay: async () => isStandInBuilt() || hasGo() });
  if (why === undefined) return isOfficial(fetched, "official");
  return { kind: "stand-in", program: await findStandIn(why), from: "pgsite's stand-in, built from Go modules" };
}

/** Our own may be there, because setup once asked for that. */
function officialOnPath() {
  const folder = pluginOnPath("command");
  if (folder === undefined) return undefined;
  return realpathSync(join(folder, commandPlugin)).startsWith(`${realpathSync(toolchainCache())}${sep}`)
    ? undefined
    : folder;
}

/** Puts a plugin where `toolchain/launch/command/` looks for it, for this checkout alone. */
export function useCommandPlugin(program) {
  const folder = join(checkout, "dist", "command");
  mkdirSync(folder, { recursive: true });
  const temporary = join(folder, `${commandPlugin}.${process.pid}`);
  symlinkSync(program, temporary);
  renameSync(temporary, join(folder, commandPlugin));
}

/** Returns why it could not, in a few words. */
async function download(folder) {
  say(`getting Pulumi's command plugin ${version} (for at most ${downloadSeconds} s)`);
  const home = mkdtempSync(join(toolchainCache(), "home-"));
  try {
    const env = { ...(await toolchainEnvironment()), PULUMI_HOME: home };
    const args = ["plugin", "install", "resource", "command", version];
    const result = await run("pulumi", args, { env, cwd: home, seconds: downloadSeconds });
    const fetched = join(home, commandPluginFolder);
    if (result.code !== 0 || !existsSync(join(fetched, commandPlugin))) {
      return result.timedOut
        ? `no answer within ${downloadSeconds} s`
        : (result.stderr.trim().split("\n").at(-1) ?? "");
    }
    renameSync(fetched, folder);
    return undefined;
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** The stand-in, built once for its sources: other checkouts may have others. */
async function findStandIn(why) {
  const folder = standInFolder();
  if (!isStandInBuilt()) {
    await wantGo(
      `Pulumi's command plugin ${version} is not installed, its server was not reached (${why}), and there is no Go to build a stand-in for it`,
      `install it (pulumi plugin install resource command ${version}, with --file FILE where its server is out of reach)`,
    );
  }
  await builtOnce(folder, buildStandIn);
  return join(folder, commandPlugin);
}

function isStandInBuilt() {
  return existsSync(join(standInFolder(), commandPlugin));
}

function standInFolder() {
  const hash = createHash("sha256");
  const sources = sourcesOf(commandPlugin);
  for (const file of readdirSync(sources).sort()) hash.update(file).update(readFileSync(join(sources, file)));
  return join(toolchainCache(), `command-stand-in-${hash.digest("hex").slice(0, 16)}-${platform}`);
}

async function buildStandIn(work, finished) {
  say(
    `Pulumi's command plugin ${version} could not be had: building pgsite's own, which stands in for it (about 30 seconds)`,
  );
  await buildGo(standIn, work, finished, goEnvironment());
}
