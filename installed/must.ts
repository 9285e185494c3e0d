import type { Host, RunOptions } from "../hosts/host.js";

/** Runs a program for its effect. @returns what it printed @throws with its own words where it fails */
export async function must(host: Host, argv: readonly string[], options?: RunOptions): Promise<string> {
  const { code, stdout, stderr } = await host.run(argv, options);
  if (code !== 0) throw new Error(`${argv.slice(0, 2).join(" ")} on ${host.name} failed: ${(stderr + stdout).trim()}`);
  return stdout;
}
