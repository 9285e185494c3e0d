import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/support/noSsh.ts", "test/support/seed.ts"],
    testTimeout: 20_000,
    // Tests of real servers wait as much as they work: three files at once keep two cores busy.
    maxWorkers: 3,
    minWorkers: 1,
    maxConcurrency: 3,
  },
});
