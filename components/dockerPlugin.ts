import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { version } from "@pulumi/docker/package.json";
import { installedPlugin, pluginOnPath, pulumiHome } from "../toolchain/plugins.mjs";

const program = "pulumi-resource-docker";

/** Milliseconds for a download of some 20 MB. */
const downloadTimeout = 5 * 60_000;

/**
 * Whether Pulumi will find its docker plugin, as one line that says what is missing and how to get it; undefined where it
 * is there. Looks where Pulumi looks, and has it downloaded as Pulumi would, since Pulumi's own failure takes a page.
 * @param project folder of Pulumi.yaml
 */
export async function missingDockerPlugin(
  project: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string | undefined> {
  if (isThere(project, env)) return undefined;
  const install = `pulumi plugin install resource docker v${version}`;
  const reason = isTrue(env.PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION)
    ? "may not be downloaded (PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION)"
    : await download(env);
  if (reason === undefined) return undefined;
  const [os, arch] = [process.platform, process.arch === "x64" ? "amd64" : process.arch];
  return `Pulumi's docker plugin ${version}, which makes the containers of this stack, is not installed and ${reason}: ${install}; where its server cannot be reached, carry ${program}-v${version}-${os}-${arch}.tar.gz here from https://github.com/pulumi/pulumi-docker/releases and add --file FILE; or name containers that are there (hosts.NAME.container.name without image), which needs no plugin`;
}

function isThere(project: string, env: NodeJS.ProcessEnv): boolean {
  return (
    pluginOnPath("docker", env.PATH) !== undefined ||
    isNamed(project) ||
    installedPlugin("docker", version, pulumiHome(env)) !== undefined
  );
}

/** `plugins.providers` of Pulumi.yaml may name a folder of it. */
function isNamed(project: string): boolean {
  const file = join(project, "Pulumi.yaml");
  return existsSync(file) && /\bname:\s*["']?docker["']?\s*[,}\n]/.test(readFileSync(file, "utf8"));
}

/** Returns why it could not be had, in a few words; undefined where it was. */
async function download(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  try {
    const args = ["plugin", "install", "resource", "docker", `v${version}`, "--color=never"];
    await promisify(execFile)("pulumi", args, { env, timeout: downloadTimeout });
    return undefined;
  } catch (error) {
    const { stderr = "", message } = error as { readonly stderr?: string; readonly message: string };
    const said = `${stderr || message}`.trim().split("\n").at(-1) ?? "";
    return `cannot be downloaded (${said.replace(/^(error:|\[.*?\] downloading.*?:) /, "").trim()})`;
  }
}

function isTrue(value: string | undefined): boolean {
  return value === "true" || value === "1";
}
