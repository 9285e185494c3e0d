import { readControlFile } from "../data/controlFile.js";
import { withLock } from "../data/lock.js";
import { branchOf } from "../wal/timelines.js";
import { lsnText } from "../wal/walSegments.js";
import { runFence } from "./fence.js";
import { type Member, type PromotionOptions, promote } from "./promotion.js";

export interface FailoverOptions extends PromotionOptions {
  /** The lost server's name: it is not contacted. */
  readonly from: string;
  /** A shell command that makes sure that it stays off. @default nothing does */
  readonly fence?: string;
  readonly report?: (line: string) => Promise<void> | void;
}

export interface FailedOver {
  readonly timeline: number;
  /** Where it left the old timeline: what the lost server wrote beyond that is lost. */
  readonly fork?: string;
}

/**
 * Has a standby take over from a primary that is lost, and says where its WAL goes on. Whether it may is decided before
 * (`postgres/rollout/failover.ts`). Run again after being cut off, it goes on: the lost server is fenced again.
 * @throws where the lost server cannot be fenced; nothing was changed then
 */
export async function failOver(options: FailoverOptions): Promise<FailedOver> {
  const { from, to, fence, signal, report = () => undefined } = options;
  await withLock(to.host, to.server, `failover from ${from}`, async () => {
    if (fence !== undefined) {
      await report(`${from}: fencing (${fence})`);
      await runFence(fence, { lost: from, next: to.server.name }, signal === undefined ? {} : { signal });
    }
    await report(`${to.server.name}: promoting`);
    await promote(options, from);
  });
  return forkOf(to);
}

async function forkOf({ host, server: { dataDirectory, version } }: Member): Promise<FailedOver> {
  const control = await readControlFile(host, dataDirectory);
  const branch = control === undefined ? undefined : await branchOf(host, dataDirectory, version, control);
  const left = branch?.parents?.at(-1);
  return {
    timeline: branch?.timeline ?? 0,
    ...(left === undefined || left.latest !== undefined ? {} : { fork: lsnText(left.until) }),
  };
}
