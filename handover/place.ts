import { createHash } from "node:crypto";
import { chmodSync, lstatSync, mkdirSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";

/**
 * Where the running program and the commands it causes meet: a socket in a folder that only we can enter. Both
 * sides derive the same path from what they share (the built program, the stack, the Pulumi home and back end), so
 * nothing of it has to stand in a command's inputs.
 */
export function handoverSocket(stack: string): string {
  const shared = [__dirname, stack, process.env.PULUMI_HOME ?? "", process.env.PULUMI_BACKEND_URL ?? ""];
  const key = createHash("sha256").update(JSON.stringify(shared)).digest("hex").slice(0, 24);
  return join(privateFolder(), `${key}.sock`);
}

function privateFolder(): string {
  const { uid } = userInfo();
  const folder = join(process.env.XDG_RUNTIME_DIR ?? tmpdir(), `pgsite-handover-${uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const status = lstatSync(folder);
  if (!status.isDirectory() || status.uid !== uid) {
    throw new Error(`${folder} is not a folder of ours: remove it, or set XDG_RUNTIME_DIR to a folder of your own`);
  }
  chmodSync(folder, 0o700);
  return folder;
}
