import type { Reporter, TestCase } from "vitest/node";
import { record, type Seen } from "./versionsTable.js";

/** Writes into docs/versions.md, at the end of a run, what tests that passed have said to have seen. */
export default class VersionsReporter implements Reporter {
  readonly #seen: Seen[] = [];

  onTestCaseResult(test: TestCase): void {
    const { seen = [] } = test.meta() as { readonly seen?: readonly Seen[] };
    if (test.result().state === "passed") this.#seen.push(...seen);
  }

  onTestRunEnd(): void {
    if (this.#seen.length > 0) record(this.#seen, new Date().toISOString().slice(0, 10));
  }
}
