import { controlPath } from "../../config/controlDirectory.js";
import type { Host } from "../../hosts/host.js";

/**
 * Written before files are installed and removed once they are in force: a rollout that is cut off between the two
 * would else leave files that look right beside a server that still runs with the old ones.
 */
export interface Pending {
  readonly action: "reload" | "restart";
  /** The postmaster's process then: another one has read what was installed. */
  readonly pid?: number;
  /** What the server ran with before. */
  readonly settings: Readonly<Record<string, string>>;
}

export async function readPending(host: Host, controlDirectory: string): Promise<Pending | undefined> {
  const content = await host.readFile(controlPath({ controlDirectory }, "pending"));
  if (content === undefined) return undefined;
  try {
    return JSON.parse(content.toString("utf8")) as Pending;
  } catch {
    throw new Error(
      `${controlPath({ controlDirectory }, "pending")} on ${host.name} cannot be understood: remove it and restart the server`,
    );
  }
}

export async function writePending(host: Host, controlDirectory: string, pending: Pending): Promise<void> {
  await host.writeFile(controlPath({ controlDirectory }, "pending"), `${JSON.stringify(pending, undefined, 2)}\n`);
}

export async function removePending(host: Host, controlDirectory: string): Promise<void> {
  await host.remove(controlPath({ controlDirectory }, "pending"));
}
