import { join } from "node:path";
import type { Host } from "../../hosts/host.js";
import type { ProcessState } from "./process.js";

/** What is said of a program whose file was replaced or removed while it ran: an update that is not in force. */
export const replaced = "one that was replaced or removed since the server started";

/** The program that a server is declared to be. */
export function declaredProgram(binDirectory: string): string {
  return join(binDirectory, "postgres");
}

/**
 * The program that a running server is, where that is another than the declared one, by the kernel's word; undefined where
 * it is the declared one, and where nothing tells (no /proc). Another build of the same major version counts: a stack names
 * the folder of its programs, and a minor update is in force once every server was restarted on it.
 */
export async function otherProgram(
  host: Host,
  process: ProcessState,
  binDirectory: string,
): Promise<string | undefined> {
  if (process.kind !== "running") return undefined;
  const exe = `/proc/${process.pid}/exe`;
  try {
    const [runs, declared] = await Promise.all([host.realPath(exe), host.realPath(declaredProgram(binDirectory))]);
    if (declared === undefined || runs === declared) return undefined;
    if (runs !== undefined && !runs.endsWith(" (deleted)")) return runs;
    // The file that a process runs is there for it, whatever became of its name.
    return (await host.stat(exe)) === undefined ? undefined : replaced;
  } catch {
    return undefined;
  }
}
