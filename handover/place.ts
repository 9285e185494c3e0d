import { createHash } from "node:crypto";
import { join } from "node:path";
import { privateFolder } from "../hosts/privateFolder.js";

/**
 * Where the running program and the commands it causes meet: a socket in a folder that only we can enter. Both
 * sides derive the same path from what they share (the built program, the stack, the Pulumi home and back end), so
 * nothing of it has to stand in a command's inputs.
 */
export function handoverSocket(stack: string): string {
  const shared = [__dirname, stack, process.env.PULUMI_HOME ?? "", process.env.PULUMI_BACKEND_URL ?? ""];
  const key = createHash("sha256").update(JSON.stringify(shared)).digest("hex").slice(0, 24);
  return join(privateFolder("handover"), `${key}.sock`);
}
