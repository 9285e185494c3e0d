import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Directories } from "../../config/controlDirectory.js";
import type { Host } from "../../hosts/host.js";

/** Where a database that exists once is known to be; `here`: on this host, in this data directory. */
export type InstancePlace = "here" | "nowhere" | { readonly elsewhere: string };

/** The guard's own words for it, so that pgsite and a start by hand judge alike. */
async function ask(host: Host, { controlDirectory, dataDirectory }: Directories, act: string): Promise<string> {
  const { checkout } = await import("../../toolchain/paths.mjs");
  const functions = readFileSync(join(checkout, "installed", "runbook", "instance.sh"), "utf8");
  const script = `control=$1 data=$2\n${functions}\n${act}`;
  const { code, stdout, stderr } = await host.run(["sh", "-c", script, "sh", controlDirectory, dataDirectory]);
  if (code !== 0) throw new Error(`${controlDirectory} on ${host.name}: ${stderr.trim() || `exit code ${code}`}`);
  return stdout.trim();
}

export async function instancePlace(host: Host, directories: Directories): Promise<InstancePlace> {
  const said = await ask(host, directories, "placed_here");
  if (said === "here" || said === "nowhere") return said;
  return { elsewhere: said.replace(/^elsewhere /, "") };
}

/** From now on the database is on this host, in this place, and its guard lets it start nowhere else. */
export async function claimInstance(host: Host, directories: Directories): Promise<void> {
  await ask(host, directories, "claim");
}
