// Where things are kept. Plain Node, no dependencies: this runs before node_modules exists.
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ownFolder } from "./ownFolder.mjs";

/** The checkout that this file, or the bundle that it was built into, belongs to. */
export const checkout = findCheckout(dirname(fileURLToPath(import.meta.url)));

export const platform = `${process.platform}-${process.arch}`;

function findCheckout(from) {
  for (let folder = from; folder !== dirname(folder); folder = dirname(folder)) {
    const manifest = join(folder, "package.json");
    if (existsSync(manifest) && JSON.parse(readFileSync(manifest, "utf8")).name === "pgsite") return folder;
  }
  throw new Error(`${from} is not inside a checkout of pgsite`);
}

/** The user's cache: what is kept there can be had again, and is shared by all checkouts. Programs are run from it. */
export function toolchainCache() {
  return ownFolder(join(userCache(), "toolchain"));
}

/**
 * The cache of server programs. PostgreSQL refuses to run as root, and the user it then runs as cannot look into
 * root's home: for root the cache lies where everyone can search.
 */
export function programsCache() {
  const asRoot = process.getuid?.() === 0;
  return ownFolder(join(asRoot ? ownFolder("/var/cache/pgsite", 0o755) : userCache(), "postgresql"), 0o755);
}

function userCache() {
  return ownFolder(join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "pgsite"), 0o755);
}
