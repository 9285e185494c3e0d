import { defineConfig } from "vitest/config";
import tests from "./vitest.config.js";

/** `npm run proof -- NAME`: `test/proof/NAME.proof.ts`, what takes longer than continuous integration has. */
export default defineConfig({
  test: { ...tests.test, include: ["test/proof/**/*.proof.ts"], maxWorkers: 1, testTimeout: 600_000 },
});
