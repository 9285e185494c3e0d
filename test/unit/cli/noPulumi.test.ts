import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { driftCommand } from "../../../cli/commands/drift.js";
import { loadSites, projectFolder } from "../../../cli/load.js";

let project: string;
beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), "pgsite-unit-"));
  writeFileSync(join(project, "Pulumi.yaml"), "name: pgsite\n");
  vi.stubEnv("PGSITE_PROJECT", project);
  vi.stubEnv("PATH", project);
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  process.exitCode = undefined;
  rmSync(project, { recursive: true });
});

const remedy = "there is no pulumi on the PATH: `npm run setup` gets it, and says where it is";

it("a command that needs Pulumi says where to get it", async () => {
  await expect(loadSites(["orders"])).rejects.toThrow(
    `the configuration of the stack orders cannot be read in ${project}: ${remedy}`,
  );
});

it("so does the drift report, in both its forms", async () => {
  const said = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  await driftCommand().parseAsync(["--stack", "orders"], { from: "user" });
  await driftCommand().parseAsync(["--stack", "orders", "--json"], { from: "user" });
  const [text, json] = said.mock.calls.map(([chunk]) => `${chunk}`);
  expect(text).toBe(`orders: could not tell\nnot known: ${remedy}\n`);
  expect(JSON.parse(json ?? "")).toMatchObject({ stacks: [{ outcome: "unknown", reasons: [remedy] }] });
  expect(process.exitCode).toBe(1);
});

it("a project that is none is named", () => {
  vi.stubEnv("PGSITE_PROJECT", join(project, "elsewhere"));
  expect(() => projectFolder()).toThrow(
    `PGSITE_PROJECT names ${join(project, "elsewhere")}, where there is no Pulumi.yaml`,
  );
});
