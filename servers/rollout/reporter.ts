import type { Finding } from "../status/report.js";

/** What a resource may use of the engine. */
export interface Context {
  /** Name of the resource in the program. */
  readonly name: string;

  /** Aborted when the engine cancels, or has gone away. */
  readonly signal: AbortSignal;

  /** True where a property of the resource holds a secret. */
  isSecret(property: string): boolean;

  /** Shown among the run's diagnostics. Never holds a secret's value. */
  log(severity: "info" | "warning" | "error", message: string): Promise<void>;

  /** What was found, for people and for programs. Never holds a secret's value. */
  report(finding: Finding): Promise<void>;

  /** Shown beside the resource while it is worked on. */
  progress(message: string): Promise<void>;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : `${error}`;
}
