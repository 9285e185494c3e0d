import type { ChildProcessWithoutNullStreams } from "node:child_process";

/** Resolves when a program and its output have ended. What a jump host's ssh keeps open is not waited for. */
export function whenOver(child: ChildProcessWithoutNullStreams): Promise<number | undefined> {
  return new Promise((resolve) => {
    child.once("error", () => resolve(undefined));
    child.once("close", (code) => resolve(code ?? undefined));
    child.once("exit", (code) => setTimeout(() => resolve(code ?? undefined), 300).unref());
  });
}
