import * as z from "zod";
import type { Update } from "../../servers/page/update.js";
import { runPulumi } from "../pulumi.js";

/** So many of the newest runs are shown. */
const most = 50;
/** Milliseconds for a question to Pulumi's state. */
const patience = 60_000;

/** As much of `pulumi stack history --json` as is taken. It has the configuration of each run too, and the environment: these are not. */
const schema = z.array(
  z.object({
    kind: z.string(),
    startTime: z.string(),
    endTime: z.string().optional(),
    result: z.string().optional(),
    message: z.string().optional(),
    resourceChanges: z.record(z.string(), z.number()).nullish(),
  }),
);

/** The newest runs of Pulumi on a stack, newest first, or why they are not known. Never throws. */
export async function stackHistory(
  project: string,
  stack: string,
): Promise<readonly Update[] | { readonly because: string }> {
  const args = [
    "stack",
    "history",
    "--json",
    "--full-dates",
    "--page-size",
    `${most}`,
    "--page",
    "1",
    "--stack",
    stack,
  ];
  const { stdout, failure } = await runPulumi(project, args, patience).catch((error: Error) => {
    return { stdout: "", failure: error.message };
  });
  return failure === undefined ? updatesIn(stdout) : { because: failure };
}

export function updatesIn(stdout: string): readonly Update[] | { readonly because: string } {
  let given: unknown;
  try {
    given = JSON.parse(stdout.trim() === "" ? "[]" : stdout);
  } catch {
    return { because: "it is no JSON" };
  }
  const read = schema.safeParse(given ?? []);
  if (!read.success) return { because: "this pulumi tells it in another form" };
  return read.data.flatMap(({ kind, startTime, endTime, result, message, resourceChanges }): readonly Update[] => {
    const [began, ended] = [timeOf(startTime), endTime === undefined ? undefined : timeOf(endTime)];
    if (began === undefined) return [];
    return [
      {
        kind,
        began,
        ...(ended === undefined ? {} : { ended }),
        result: result === "failed" || result === "in-progress" ? result : "succeeded",
        changes: resourceChanges ?? {},
        message: message ?? "",
      },
    ];
  });
}

/** ISO; undefined of what is no time. */
function timeOf(text: string): string | undefined {
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}
