import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Server } from "../../config/site.js";
import { childrenOf, runs, until } from "./processes.js";

/**
 * `kill -9` of all processes of a server, as when its machine goes. `first`: its processes that go a moment before the
 * others, so that it is known who received less.
 */
export async function killServer({ name, dataDirectory }: Server, first: readonly number[] = []): Promise<void> {
  const postmaster = Number(readFileSync(join(dataDirectory, "postmaster.pid"), "utf8").split("\n")[0]);
  // Else it would end the others, and recover.
  process.kill(postmaster, "SIGSTOP");
  for (const pid of first) process.kill(pid, "SIGKILL");
  await new Promise((resolve) => setTimeout(resolve, first.length === 0 ? 0 : 200));
  for (const pid of [postmaster, ...childrenOf(postmaster)]) process.kill(pid, "SIGKILL");
  await until(`the end of ${name}`, () => !runs(postmaster));
}
