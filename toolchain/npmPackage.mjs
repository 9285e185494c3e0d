// A package of npm's for itself, unpacked, without what it depends on and without its install scripts.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { must, ToolchainError } from "./steps.mjs";

/** Unpacks NAME@VERSION in the empty folder `work`, and returns the folder that it is in. `integrity`: the digest that it must have. */
export async function unpackNpmPackage({ name, version, integrity }, work) {
  const what = `${name}@${version}`;
  // A folder without a package.json of its own, so that no project's settings apply.
  await must(`get ${what}`, "npm", ["pack", what, "--silent", "--pack-destination", work], { cwd: work, seconds: 600 });
  const archive = readdirSync(work).find((file) => file.endsWith(".tgz"));
  verify(join(work, archive), integrity);
  await must(`unpack ${what}`, "tar", ["-xzf", archive, "--no-same-owner"], { cwd: work, seconds: 300 });
  return join(work, "package");
}

/** Throws where a file is not the one that is meant. */
export function verify(file, integrity) {
  const found = `sha512-${createHash("sha512").update(readFileSync(file)).digest("base64")}`;
  if (found === integrity) return;
  throw new ToolchainError(`${file} is not what was expected: its digest is ${found}, not ${integrity}`);
}
