// Gets Pulumi's command plugin: the official one, or where its server cannot be reached one of ours, built by Go.
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { toolchainEnvironment } from "./environment.mjs";
import { buildGo, builtOnce, goEnvironment, requireGo, sourcesOf } from "./go.mjs";
import { platform, toolchainCache } from "./paths.mjs";
import { locked, recall, remember, run, say } from "./steps.mjs";

/** The version of npm's @pulumi/command: its program asks for the plugin of the same version. */
const version = "1.2.1";
export const commandPlugin = "pulumi-resource-command";
/** Where in a Pulumi home it is looked for. */
export const commandPluginFolder = join("plugins", `resource-command-v${version}`);

/** How long a failed download is remembered. */
const patienceMilliseconds = 24 * 3600 * 1000;

/** A download from a server that does not answer costs at most this. */
const downloadSeconds = 30;

const standIn = { name: commandPlugin, version: "(a stand-in)", package: ".", link: "-s -w" };

/** The plugin's program in the user's cache, and whether it is the official one. */
export async function findCommandPlugin() {
  const official = await findOfficial();
  return official === undefined
    ? { kind: "stand-in", program: await findStandIn() }
    : { kind: "official", program: official };
}

/** The official plugin's program, fetched if it can be; undefined where it cannot. */
async function findOfficial() {
  const program = join(toolchainCache(), `command-${version}-${platform}`, commandPlugin);
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
    const fetched = join(home, commandPluginFolder);
    if (result.code === 0 && existsSync(join(fetched, commandPlugin))) renameSync(fetched, join(program, ".."));
    else remember(note, { failedAt: Date.now() });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** The stand-in, built once for its sources: other checkouts may have others. */
async function findStandIn() {
  const hash = createHash("sha256");
  const sources = sourcesOf(commandPlugin);
  for (const file of readdirSync(sources).sort()) hash.update(file).update(readFileSync(join(sources, file)));
  const folder = join(toolchainCache(), `command-stand-in-${hash.digest("hex").slice(0, 16)}-${platform}`);
  await builtOnce(folder, buildStandIn);
  return join(folder, commandPlugin);
}

async function buildStandIn(work, finished) {
  const env = goEnvironment();
  await requireGo(
    env,
    `pgsite needs Pulumi's command plugin ${version}, whose server cannot be reached from here, or Go to build a stand-in for it; neither was found.
  Where that server can be reached: pulumi plugin install resource command ${version}`,
  );
  say(
    `Pulumi's command plugin ${version} could not be had: building pgsite's own, which stands in for it (about 30 seconds)`,
  );
  await buildGo(standIn, work, finished, env);
}
