// Pulumi's official plugins that this machine has already.
import { existsSync, readdirSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";

/** Where Pulumi keeps plugins. */
export function pulumiHome(env = process.env) {
  return env.PULUMI_HOME || join(homedir(), ".pulumi");
}

/** The user's own Pulumi home, also in what runs with a home of ours: `toolchainEnvironment` hands it on. */
export function usersPulumiHome() {
  return process.env.USERS_PULUMI_HOME || pulumiHome();
}

/** The folder of a resource plugin in a Pulumi home: of this version, else of the newest that Pulumi takes in its place. */
export function installedPlugin(name, version, home) {
  const folder = join(home, "plugins");
  const wanted = numbersOf(version);
  const versions = (existsSync(folder) ? readdirSync(folder) : []).flatMap((entry) => {
    const found = new RegExp(`^resource-${name}-v(\\d+\\.\\d+\\.\\d+)$`).exec(entry)?.[1];
    const isThere = found !== undefined && existsSync(join(folder, entry, `pulumi-resource-${name}`));
    return isThere && compare(numbersOf(found), wanted) >= 0 ? [found] : [];
  });
  const best = versions.includes(version)
    ? version
    : versions.sort((one, other) => compare(numbersOf(other), numbersOf(one)))[0];
  return best === undefined ? undefined : join(folder, `resource-${name}-v${best}`);
}

/** The folder on PATH, or of a `pulumi` on PATH, with a resource plugin in it. */
export function pluginOnPath(name, path = process.env.PATH ?? "") {
  const program = `pulumi-resource-${name}`;
  return path
    .split(delimiter)
    .filter((folder) => folder !== "")
    .flatMap((folder) => {
      const pulumi = join(folder, "pulumi");
      return existsSync(pulumi) ? [folder, dirname(realpathSync(pulumi))] : [folder];
    })
    .find((folder) => existsSync(join(folder, program)));
}

function numbersOf(text) {
  return text.split(".").map(Number);
}

/** Negative, 0 or positive, as the first is older than, the same as, or newer than the second. */
function compare(one, other) {
  const different = one.findIndex((number, index) => number !== other[index]);
  return different === -1 ? 0 : one[different] - other[different];
}
