import type { Host, HostSpec } from "../hosts/host.js";

/**
 * The host that a description names. Loaded when it is first needed: the engine starts the provider twice a preview, and
 * the second time only checks and compares.
 * @throws HostUnreachable
 */
export async function hostOf(spec: HostSpec): Promise<Host> {
  const hosts = await import("../hosts/index.js");
  return hosts.hostOf(spec);
}
