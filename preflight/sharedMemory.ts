import { atLeast, type Major } from "../postgres/versions.js";

/** A numeric setting in its base unit; 0 for one that the version does not have. */
export type Numbers = (setting: string) => number;

const blockSize = 8192;
/** Bytes; the documentation's "System V IPC parameters" (9.0, table 17-2). Later versions differ by little. */
const costs = {
  perConnection: 1800,
  perPrepared: 770,
  perLock: 270,
  perBuffer: blockSize + 208,
  perWalBuffer: blockSize + 8,
  fixed: 770 * 1024,
} as const;
/** Blocks: what wal_buffers = -1 (9.1 and later) makes of shared_buffers at most: one segment. */
const largestWalBuffers = 2048;

/** About how many bytes of shared memory a server takes. */
export function sharedMemory(settings: Numbers): number {
  const locks = costs.perLock * settings("max_locks_per_transaction");
  const buffers = settings("shared_buffers");
  const said = settings("wal_buffers");
  const walBuffers = said >= 0 ? said : Math.min(largestWalBuffers, Math.ceil(buffers / 32));
  const connections = settings("max_connections") + settings("autovacuum_max_workers");
  return (
    costs.fixed +
    (costs.perConnection + locks) * connections +
    (costs.perPrepared + locks) * settings("max_prepared_transactions") +
    costs.perBuffer * buffers +
    costs.perWalBuffer * walBuffers
  );
}

/** Sets of 16 semaphores and one more each, as the same chapter reckons them. */
export function systemVSemaphores(
  version: Major,
  settings: Numbers,
): { readonly sets: number; readonly perSet: number; readonly all: number } {
  const others = atLeast(version, "9.4") ? 5 : 4;
  const processes =
    settings("max_connections") + settings("autovacuum_max_workers") + settings("max_worker_processes") + others;
  const sets = Math.ceil(processes / 16);
  return { sets, perSet: 17, all: sets * 17 };
}
