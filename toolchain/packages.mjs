// npm's packages, as package-lock.json names them.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkout, toolchainCache } from "./paths.mjs";
import { locked, must, recall, say, ToolchainError } from "./steps.mjs";

/** Installs what package-lock.json names where node_modules does not hold it yet. */
export async function installPackages() {
  if (installed()) return;
  const lock = join(toolchainCache(), `npm-${createHash("sha256").update(checkout).digest("hex").slice(0, 16)}.lock`);
  await locked(lock, async () => {
    if (installed()) return;
    say("installing npm packages");
    // No package of ours needs its install script; not running any is safer, and newer npm asks about them.
    // Not `npm ci`: it refuses a lockfile without the optional packages for platforms that a registry does not carry.
    const args = ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
    await must("install npm packages", "npm", args, { cwd: checkout, seconds: 900 });
    if (!installed()) throw new ToolchainError("npm installed other packages than package-lock.json names");
  });
}

/** npm notes what it installed in a lockfile of its own, written last: a half installation has none. */
function installed() {
  const wanted = JSON.parse(readFileSync(join(checkout, "package-lock.json"), "utf8"));
  return sameTree(wanted, recall(join(checkout, "node_modules", ".package-lock.json")));
}

/** Whether everything in a lockfile is in the other one; optional packages may be for another platform. */
export function sameTree(wanted, present) {
  if (present === undefined) return false;
  return Object.entries(wanted.packages).every(([path, entry]) => {
    if (path === "" || entry.link === true) return true;
    const found = present.packages?.[path];
    return found === undefined
      ? entry.optional === true
      : found.version === entry.version && found.integrity === entry.integrity;
  });
}
