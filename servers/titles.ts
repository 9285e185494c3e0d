import type { Server } from "../config/site.js";
import type { Host } from "../hosts/host.js";
import { processState } from "./process.js";

/** What the processes of a server in recovery say in their titles: all that a warm standby tells. */
export interface RecoveryTitles {
  /** How far the walreceiver has received, where it streams. */
  readonly receiver?: string;
  /** The WAL segment that is being replayed. */
  readonly recovering?: string;
}

/** The words differ from version to version, the positions do not. */
export async function recoveryTitles(host: Host, server: Pick<Server, "dataDirectory">): Promise<RecoveryTitles> {
  const state = await processState(host, server.dataDirectory);
  if (state.kind !== "running") return {};
  const titles = await titlesOfChildren(host, state.pid);
  const receiver = /wal ?receiver.*streaming ([0-9A-F]+\/[0-9A-F]+)/.exec(titles)?.[1];
  const recovering = /startup.*(?:recovering|waiting for) ([0-9A-F]{24})/.exec(titles)?.[1];
  return {
    ...(receiver === undefined ? {} : { receiver }),
    ...(recovering === undefined ? {} : { recovering }),
  };
}

/** One a line. Not by ps where the kernel tells whose children there are: ps looks at every process of the machine. */
async function titlesOfChildren(host: Host, pid: number): Promise<string> {
  const children = await host.readFile(`/proc/${pid}/task/${pid}/children`).catch(() => undefined);
  if (children === undefined) return (await host.run(["ps", "-ww", "-o", "args=", "--ppid", `${pid}`])).stdout;
  const numbers = children.toString("utf8").split(" ").filter(Boolean);
  // One that has ended meanwhile says nothing any more.
  const readTitle = (child: string) => host.readFile(`/proc/${child}/cmdline`).catch(() => undefined);
  const titles = await Promise.all(numbers.map(readTitle));
  return titles.map((title) => title?.toString("utf8").replaceAll("\0", " ") ?? "").join("\n");
}
