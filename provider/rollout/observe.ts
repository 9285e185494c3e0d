import { join } from "node:path";
import type { Host } from "../../hosts/host.js";
import type { ConfigurationFacts } from "../../postgres/rollout.js";
import { configurationFacts } from "../facts.js";
import { hostOf } from "../host.js";
import type { RolloutServer } from "../resources/rollout.js";
import { readFiles } from "../staging.js";
import { readPending } from "./pending.js";

/** What is really there of a server. Of a running one, `settings` is what it runs with. */
export interface Observed extends ConfigurationFacts {
  readonly data: "present" | "absent";
  readonly state: "running" | "stopped";
  readonly recovery: boolean;
  /** What an interrupted rollout still owes. */
  readonly pending?: "reload" | "restart";
}

/** @throws HostUnreachable */
export async function observeServer(server: RolloutServer): Promise<Observed> {
  const host = await hostOf(server.host);
  const { processState } = await import("../../servers/process.js");
  const [control, files, process, pending] = await Promise.all([
    host.readBytes(join(server.dataDirectory, "global", "pg_control"), 0, 20),
    readFiles(host, server.dataDirectory, [...Object.keys(server.files), ...server.absent]),
    processState(host, server.dataDirectory),
    readPending(host, server.controlDirectory),
  ]);
  const facts = configurationFacts(files);
  const running = process.kind === "running";
  return {
    data: control === undefined ? "absent" : "present",
    state: running ? "running" : "stopped",
    recovery: await isInRecovery(host, server, control, running, Object.keys(files)),
    files: facts.files,
    settings: running && pending !== undefined ? pending.settings : facts.settings,
    ...(running && pending !== undefined ? { pending: pending.action } : {}),
  };
}

/** `DBState` of pg_control.h: shut down in recovery, in archive recovery. */
const recoveryStates = new Set([2, 5]);
/** Shut down, shutting down, in production. */
const primaryStates = new Set([1, 3, 6]);

/**
 * Whether a server is a primary or in recovery. A warm standby answers no SQL, so its control file tells (the state lies
 * at byte 16 in every version). A stopped one may be a base backup that was never started, whose control file is its
 * source's: then the files tell, which decide what it becomes when it starts.
 */
async function isInRecovery(
  host: Host,
  server: RolloutServer,
  control: Buffer | undefined,
  running: boolean,
  files: readonly string[],
): Promise<boolean> {
  const state = control === undefined || control.length < 20 ? undefined : control.readInt32LE(16);
  if (state !== undefined && recoveryStates.has(state)) return true;
  if (running && state !== undefined && primaryStates.has(state)) return false;
  const signals = ["standby.signal", "recovery.signal", "recovery.conf"];
  if (signals.some((name) => files.includes(name))) return true;
  return (await host.stat(join(server.dataDirectory, "backup_label"))) !== undefined;
}
