import type { Rehearsal } from "../../cli/rehearsal/rehearsal.js";

/** What a plain `pulumi preview` prints, as an administrator runs it: its lines without their severity. */
export async function runPreview(rehearsal: Rehearsal, stack: string, ...more: readonly string[]) {
  const options = ["--stack", stack, "--non-interactive", "--color", "never"];
  const { exitCode, stdout, stderr } = await rehearsal.pulumi(["preview", ...options, ...more]);
  const lines = stdout.split("\n").map((line) => line.trim().replace(/^(?:info|warning|error): /, ""));
  return { exitCode, stdout, stderr, lines };
}
