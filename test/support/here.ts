import { vi } from "vitest";
import { closeSessions } from "../../hosts/shell/sessions.js";

/** Makes this very process see what a test made: hosts by their configuration of ssh, a Docker engine by its socket. */
export function enter(env: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
}

/** The reverse; nothing that was opened meanwhile stays open. */
export async function leave(): Promise<void> {
  await closeSessions();
  vi.unstubAllEnvs();
}
