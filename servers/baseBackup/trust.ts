import { type Host, HostTimeout, type RunResult } from "../../hosts/host.js";
import { nothingLent, optionWords } from "../../hosts/ssh/client.js";
import type { NoRoad } from "../../postgres/rollout/diverged.js";

/** What ssh is told by rsync of ours on a host: nothing asks, nothing is lent, and a cut line ends it in 15 s. */
export const sshBetween = [
  "ssh",
  ...optionWords({
    BatchMode: "yes",
    StrictHostKeyChecking: "yes",
    ConnectTimeout: "5",
    ServerAliveInterval: "5",
    ServerAliveCountMax: "3",
    ControlPath: "none",
    ...nothingLent,
    LogLevel: "ERROR",
  }),
];

/** Who of two hosts gets to the other by ssh, as its OS user and without a question, or why neither does. */
export type Road =
  | { readonly by: "source" | "target"; readonly user: string; readonly host: string; readonly peer: string }
  | { readonly by?: undefined; readonly why: NoRoad };

const patience = 20_000;

/**
 * Looks for a way by which rsync can go: the target's host pulls, else the source's pushes.
 * @param sourceAddress @param targetAddress where the hosts are in their network
 */
export async function findRoad(
  source: Host,
  target: Host,
  sourceAddress: string,
  targetAddress: string,
): Promise<Road> {
  const missing = await Promise.all(
    [source, target].map(async (host) => ((await host.run(["rsync", "--version"])).code === 0 ? [] : [host.name])),
  );
  if (missing.flat().length > 0) return { why: { code: "noRsync", hosts: missing.flat() } };
  const refused: Extract<NoRoad, { readonly code: "noSsh" }>["tried"][number][] = [];
  for (const [by, from, to, address] of [
    ["target", target, source, sourceAddress],
    ["source", source, target, targetAddress],
  ] as const) {
    const peer = `${to.user}@${address}`;
    const { code, stderr } = await tried(from, peer);
    const road = { user: from.user, host: from.name, peer };
    if (code === 0) return { by, ...road };
    const said = stderr.trim().split("\n").at(-1)?.trim();
    refused.push({ ...road, why: said || `exit code ${code}` });
  }
  return { why: { code: "noSsh", tried: refused } };
}

/** A host that takes the connection and then says nothing is none to go to. */
async function tried(from: Host, peer: string): Promise<Pick<RunResult, "code" | "stderr">> {
  try {
    return await from.run([...sshBetween, "--", peer, "true"], { timeout: patience });
  } catch (error) {
    if (!(error instanceof HostTimeout)) throw error;
    return { code: 255, stderr: error.message };
  }
}
