import { controlPath, type Directories } from "../../config/controlDirectory.js";
import type { Host } from "../../hosts/host.js";

/** Whether no start of the server on these data was ever proven: nobody uses it yet. */
export async function isUnproven(host: Host, server: Pick<Directories, "controlDirectory">): Promise<boolean> {
  return (await host.stat(controlPath(server, "unproven"))) !== undefined;
}

export async function markUnproven(host: Host, server: Pick<Directories, "controlDirectory">): Promise<void> {
  await host.makeDirectory(server.controlDirectory);
  await host.writeFile(controlPath(server, "unproven"), "");
}

/** A start succeeded. */
export async function markProven(host: Host, server: Pick<Directories, "controlDirectory">): Promise<void> {
  await host.remove(controlPath(server, "unproven"));
}
