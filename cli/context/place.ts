import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { privateFolder, privateFolders } from "../../hosts/privateFolder.js";

const purpose = "handover";

/**
 * Where the running program and the commands it causes meet: a socket in a folder that only we can enter. Both
 * sides derive its name from what they share (the built program, the stack, the Pulumi home and back end), so
 * nothing of it has to stand in a command's inputs.
 */
function socketName(stack: string): string {
  const shared = [__dirname, stack, process.env.PULUMI_HOME ?? "", process.env.PULUMI_BACKEND_URL ?? ""];
  return `${createHash("sha256").update(JSON.stringify(shared)).digest("hex").slice(0, 24)}.sock`;
}

/** The path at which a handover is served. */
export function handoverSocket(stack: string): string {
  const name = socketName(stack);
  return join(privateFolder(purpose, name.length), name);
}

/**
 * The paths at which one may be served: wherever the server could put it, for a stranger who takes a folder, or gives it back,
 * in between moves the first choice.
 */
export function servedSockets(stack: string): readonly string[] {
  const name = socketName(stack);
  return privateFolders(purpose, name.length)
    .map((folder) => join(folder, name))
    .filter((path) => existsSync(path));
}
