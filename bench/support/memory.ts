import { readdirSync, readFileSync } from "node:fs";

/** Peak memory of Node.js processes below this one, in bytes: the largest sum over those that lived at the same time. */
export async function peakOfNode(act: () => Promise<unknown>): Promise<number> {
  let peak = 0;
  const sample = () => {
    const sum = nodeProcessesBelow(process.pid).reduce((bytes, pid) => bytes + highWater(pid), 0);
    peak = Math.max(peak, sum);
  };
  const timer = setInterval(sample, 50);
  try {
    await act();
  } finally {
    clearInterval(timer);
  }
  return peak;
}

function nodeProcessesBelow(root: number): readonly number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const parent = /^PPid:\s+(\d+)/m.exec(file(pid, "status"))?.[1];
    if (parent !== undefined) parents.set(pid, Number(parent));
  }
  const below = (pid: number | undefined): boolean => {
    const parent = pid === undefined ? undefined : parents.get(pid);
    return parent === root || (parent !== undefined && parent > 1 && below(parent));
  };
  return [...parents.keys()].filter(
    (pid) => below(pid) && /(^|\/)node$/.test(file(pid, "cmdline").split("\0")[0] ?? ""),
  );
}

function highWater(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(file(pid, "status"))?.[1] ?? 0) * 1024;
}

function file(pid: number, name: "status" | "cmdline"): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    return ""; // It ended meanwhile.
  }
}
