import type { Finding } from "../../../servers/status/report.js";
import type { Plot } from "../plantSite.js";
import type { Plant } from "./plant.js";

/** Whether a preview says a plant: `…` stands for what depends on the machine. */
export function saysSo(lines: readonly string[], plant: Plant, plot: Plot): boolean {
  const text = typeof plant.said === "string" ? plant.said : plant.said(plot);
  const parts = text.split("…");
  return lines.some((line) => {
    const [first = "", ...rest] = parts;
    if (!line.startsWith(first)) return false;
    let at = first.length;
    for (const part of rest) {
      const next = line.indexOf(part, at);
      if (next < 0) return false;
      at = next + part.length;
    }
    return rest.length === 0 ? line === text : line.endsWith(rest.at(-1) ?? "");
  });
}

const actions = ["nothing", "install", "reload", "restart", "start"] as const;

/** Where a server's turn in the rollout is not what its differences say is needed. */
export function contradictions(found: readonly Finding[]): readonly string[] {
  const steps = found.flatMap((one) => (one.kind === "plan" ? one.plan.steps : []));
  const differences = found.flatMap((one) => (one.kind === "difference" ? [one.difference] : []));
  return steps.flatMap((step) => {
    if (!("because" in step)) return [];
    const { server, action } = step;
    const needed = differences
      .filter((one) => one.server === server)
      .map(({ consequence }) => (consequence === "restart in order" ? "restart" : consequence))
      .map((consequence) => (actions as readonly string[]).indexOf(consequence));
    const most = actions[Math.max(...needed)];
    return (most === "nothing" ? "install" : most) === action ? [] : [`${JSON.stringify(step)}, and not: ${most}`];
  });
}
