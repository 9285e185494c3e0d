/** The counts that a test run ends with, out of vitest's JSON report (undefined where there is none). */
export declare function counts(
  report: object | undefined,
  code: number,
): { readonly passed: number; readonly failed: number; readonly skipped: number };
