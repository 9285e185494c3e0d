import { join } from "node:path";
import { asideName } from "../../config/controlDirectory.js";
import type { Host } from "../../hosts/host.js";
import { placeArguments } from "../../postgres/files/places.js";
import { isAtRest } from "../../postgres/wal/controlFile.js";
import { readControlFile } from "../data/controlFile.js";
import { processState } from "../process/process.js";
import { endRemains, freeTakenNumber, hasRemains, noticing } from "../process/remains.js";
import type { Member } from "../takeover/promotion.js";

/** What makes a server recover as a standby would, which a single-user one cannot. */
const recoveryFiles = ["standby.signal", "recovery.signal", "recovery.conf"];

const recovering = 60 * 60_000;

/**
 * Sees to it that a stopped server was shut down: one that crashed recovers in single-user mode, as it would at its next
 * start, without a connection from anywhere. @throws with what the program says
 */
export async function bringToRest(member: Member, signal: AbortSignal): Promise<void> {
  const { server, host } = member;
  const { dataDirectory, binDirectory } = server;
  await putBack(host, dataDirectory);
  if (await isResting(member)) return;
  for (const name of recoveryFiles) await rename(host, dataDirectory, name, asideName(name));
  const argv = [
    join(binDirectory, "postgres"),
    "--single",
    "-D",
    dataDirectory,
    "-c",
    "lc_messages=C",
    ...placeArguments(server),
    "template1",
  ];
  const process = await processState(host, dataDirectory);
  if (process.kind === "stale") await freeTakenNumber(host, dataDirectory, process.pid);
  const began = Date.now();
  const end = began + 60_000;
  for (;;) {
    const hadRemains = await hasRemains(host, dataDirectory);
    const { code, stderr } = await host.run(argv, { input: "", timeout: recovering, signal });
    signal.throwIfAborted();
    if (code === 0 && (await isResting(member))) break;
    if (!hadRemains || Date.now() > end) {
      const said = stderr.split("\n").findLast((line) => /(FATAL|PANIC|ERROR): /.test(line)) ?? stderr.trim();
      throw new Error(
        `${server.name} crashed, and does not recover (postgres --single, exit code ${code}): ${said.trim()}; its data are as they were`,
      );
    }
    if (Date.now() - began > noticing) await endRemains(host, dataDirectory);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  await putBack(host, dataDirectory);
}

async function isResting({ server, host }: Member): Promise<boolean> {
  const control = await readControlFile(host, server.dataDirectory);
  return control !== undefined && isAtRest(control);
}

async function putBack(host: Host, dataDirectory: string): Promise<void> {
  for (const name of recoveryFiles) await rename(host, dataDirectory, asideName(name), name);
}

async function rename(host: Host, directory: string, from: string, to: string): Promise<void> {
  if ((await host.stat(join(directory, from))) === undefined) return;
  const { code, stderr } = await host.run(["mv", "-T", "--", join(directory, from), join(directory, to)]);
  if (code !== 0) throw new Error(`${join(directory, from)} on ${host.name} cannot be renamed: ${stderr.trim()}`);
}
