import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Host } from "../../hosts/host.js";

/**
 * Whether a server of PostgreSQL answers at an address, as it is seen from a host: by `installed/runbook/lives.sh`, which the runbook runs
 * too. False where nothing there answers as such a server does, and where the host has no program that could ask.
 */
export async function answersAt(host: Host, { address, port }: { address: string; port: number }): Promise<boolean> {
  const { checkout } = await import("../../toolchain/paths.mjs");
  const text = readFileSync(join(checkout, "installed", "runbook", "lives.sh"), "utf8");
  const { stdout } = await host.run(["sh", "-c", `${text}\nlives "$1" "$2"`, "sh", address, `${port}`]);
  return stdout.trim() === "answers";
}
