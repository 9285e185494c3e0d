import { runPulumi } from "../pulumi.js";
import { type Digest, readDigest, type StackDrift } from "./digest.js";
import { withFindings } from "./findings.js";

const nothing = { differences: [], unknown: [] } as const;
const noPlan = { plan: [], rollout: { steps: [], refusals: [] } } as const;

/** One truth with the preview: what its resources found is read, nothing is compared here. Never throws. */
export async function driftOf(project: string, stack: string, timeout: number): Promise<StackDrift> {
  const failed = (
    reasons: readonly string[],
    found: Pick<StackDrift, "differences" | "unknown"> = nothing,
  ): StackDrift => ({
    ...{ stack, outcome: "unknown", ...found, reasons, ...noPlan },
  });
  const preview = ["preview", "--json", "--refresh", "--stack", stack];
  const run = await withFindings((env) => runPulumi(project, preview, timeout, { env })).catch((error: Error) => error);
  if (run instanceof Error) return failed([run.message]);
  const { result, read } = run;
  const digest = result.exitCode === undefined ? undefined : digestIn(result.stdout);
  if (digest === undefined) return failed([result.failure ?? "pulumi preview printed nothing to be read"]);
  const { differences, unknown, plan, rollout, errors } = readDigest(digest, "told" in read ? read.told : []);
  if (result.exitCode !== 0) {
    const reasons = errors.length > 0 ? errors : [`pulumi preview ended with status ${result.exitCode}`];
    return failed([...reasons, ...unknown.map(({ message }) => message)], { differences, unknown });
  }
  if ("failure" in read) return failed([read.failure]);
  const outcome = differences.length > 0 ? "drift" : unknown.length > 0 ? "unknown" : "clean";
  return { stack, outcome, differences, reasons: unknown.map(({ message }) => message), unknown, plan, rollout };
}

function digestIn(stdout: string): Digest | undefined {
  try {
    const found = JSON.parse(stdout) as Digest | null;
    return found !== null && typeof found === "object" ? found : undefined;
  } catch {
    return undefined;
  }
}
