// Gets Pulumi's CLI and its Node.js language host: from PATH where they are recent, else by npm's package `pulumi`, else built
// from Go modules.
import { existsSync, realpathSync, statSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fetchedOnce } from "./fetched.mjs";
import { buildGo, builtOnce, goEnvironment, hasGo, wantGo } from "./go.mjs";
import { fetchPulumi } from "./npmPulumi.mjs";
import { platform, toolchainCache } from "./paths.mjs";
import { must, recall, remember, run, say, ToolchainError } from "./steps.mjs";

/** The oldest CLI that is used as it is; older ones have other flags and other previews. */
const oldest = [3, 200, 0];

/** The link-time variable that `pulumi version` prints: without it the Automation API cannot parse the version. */
const versionVariable = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version";

// The two cannot share a go.mod: the last release of the sdk module that still holds the language host is an old one.
const programs = [
  {
    name: "pulumi",
    version: "3.250.0",
    package: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    link: `-s -w -X ${versionVariable}=v3.250.0`,
  },
  {
    name: "pulumi-language-nodejs",
    version: "3.68.0",
    package: "github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs",
    link: `-s -w -X ${versionVariable}=v3.68.0`,
  },
];

const [{ version }] = programs;

/** The folder of `pulumi` and `pulumi-language-nodejs`, which are got if they are missing. */
export async function pulumiFolder() {
  return (await findPulumi()).folder;
}

/** That folder, the `version` of the CLI, and `from`: where it comes from, in a few words. */
export async function findPulumi() {
  const onPath = await recentOnPath();
  if (onPath !== undefined) {
    return { folder: onPath, version: await versionOf(join(onPath, "pulumi")), from: "on the PATH" };
  }
  const fetched = join(toolchainCache(), `pulumi-${version}-official-${platform}`);
  const built = join(toolchainCache(), `pulumi-${version}-nodejs-${programs[1].version}-${platform}`);
  const asFetched = { folder: fetched, version: `v${version}`, from: "by npm's package pulumi" };
  if (existsSync(fetched)) return asFetched;
  if (!existsSync(built)) {
    const fetch = (folder) => fetchPulumi(version, folder);
    const why = await fetchedOnce(fetched, { fetch, hasOtherWay: hasGo });
    if (why === undefined) return asFetched;
    await wantGo(
      `there is no Pulumi (3.200 or newer, with pulumi-language-nodejs) on the PATH, its own server, from which npm's package pulumi gets it, was not reached (${why}), and there is no Go to build it`,
      "put Pulumi on the PATH (https://www.pulumi.com/docs/iac/download-install/)",
    );
    await builtOnce(built, build);
  }
  return { folder: built, version: `v${version}`, from: "built from Go modules" };
}

/** The folder of a `pulumi` on PATH that is recent enough and has the language host beside it, or undefined. */
export async function recentOnPath(path = process.env.PATH ?? "") {
  for (const folder of path.split(delimiter)) {
    const program = join(folder, "pulumi");
    if (folder === "" || !existsSync(program)) continue;
    const beside = [folder, dirname(realpathSync(program))].some((f) => existsSync(join(f, "pulumi-language-nodejs")));
    if (!beside) continue;
    if (isRecent(await versionOf(program))) return folder;
  }
  return undefined;
}

/** Whether `v3.250.0` and the like are 3.200 or newer. */
export function isRecent(version) {
  const match = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version.trim());
  if (match === null) return false;
  const numbers = match.slice(1).map(Number);
  const different = numbers.findIndex((number, index) => number !== oldest[index]);
  return different === -1 || numbers[different] > oldest[different];
}

/** Asks a CLI for its version once, and then only when its file has changed. */
async function versionOf(program) {
  const { mtimeMs, size } = statSync(program);
  const note = join(toolchainCache(), "pulumi-on-path.json");
  const key = `${program} ${mtimeMs} ${size}`;
  const remembered = recall(note);
  if (remembered?.key === key) return remembered.version;
  const env = { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true", PULUMI_HOME: join(toolchainCache(), "home") };
  const result = await run(program, ["version"], { env, seconds: 20 }).catch(() => undefined);
  const version = result?.code === 0 ? result.stdout.trim() : "";
  remember(note, { key, version });
  return version;
}

async function build(work, finished) {
  const env = goEnvironment();
  say("building Pulumi's CLI and language host from Go modules, once for this user (about 5 minutes on two cores)");
  for (const program of programs) await buildGo(program, join(work, program.name), finished, env);
  const shown = await must("try the new CLI", join(finished, "pulumi"), ["version"], {
    env: { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true", PULUMI_HOME: join(work, "home") },
    seconds: 60,
  });
  if (!isRecent(shown)) throw new ToolchainError(`the CLI that was built names its version ${JSON.stringify(shown)}`);
}
