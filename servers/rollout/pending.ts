import { controlPath } from "../../config/controlDirectory.js";
import type { Host } from "../../hosts/host.js";
import type { Role } from "../../postgres/rollout/model.js";

/** Files by path as they were: what is in them, byte for byte (latin1), and their mode; null for one that was not there. */
export type Replaced = Readonly<Record<string, { readonly mode: number; readonly bytes: string } | null>>;

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
  /** With a restart: the files in whose place others come, put back where the server does not start with those. */
  readonly replaced?: Replaced;
  /** The role that the server has with them. */
  readonly role?: Role;
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
