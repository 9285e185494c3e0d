import { execFileSync } from "node:child_process";
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { prepareHome } from "../../../toolchain/home.mjs";
import { sameTree } from "../../../toolchain/packages.mjs";
import { isRecent, recentOnPath } from "../../../toolchain/pulumi.mjs";
import { counts } from "../../../toolchain/run.mjs";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pgsite-unit-"));
  vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

function program(path: string, text: string): void {
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
}

describe("Pulumi on PATH", () => {
  it.each([
    ["v3.250.0", true],
    ["v3.200.0", true],
    ["3.199.9", false],
    ["v4.0.0", true],
    ["v2.300.0", false],
    ["v3.201.0-alpha.1", true],
    ["", false],
  ])("of version '%s' is recent: %s", (version, recent) => expect(isRecent(version)).toBe(recent));

  it("is used where it is recent and has the language host beside it, and asked for its version once", async () => {
    const [old, bare, good] = ["old", "bare", "good"].map((name) => join(folder, name)) as [string, string, string];
    for (const path of [old, bare, good]) mkdirSync(path);
    program(join(old, "pulumi"), "echo v3.100.0");
    program(join(old, "pulumi-language-nodejs"), "");
    program(join(bare, "pulumi"), "echo v3.250.0");
    program(join(good, "pulumi"), `echo asked >> '${folder}/asked'; echo v3.250.0`);
    program(join(good, "pulumi-language-nodejs"), "");
    await expect(recentOnPath([old, bare].join(delimiter))).resolves.toBeUndefined();
    await expect(recentOnPath(good)).resolves.toBe(good);
    await expect(recentOnPath(good)).resolves.toBe(good);
    expect(lstatSync(join(folder, "asked")).size).toBe("asked\n".length);
  });
});

describe("npm packages", () => {
  const wanted = {
    packages: {
      "": {},
      "node_modules/a": { version: "1.0.0", integrity: "sha512-a" },
      "node_modules/b": { version: "1.0.0", integrity: "sha512-b", optional: true },
    },
  };

  it("are installed when all that are not optional are there", () => {
    expect(sameTree(wanted, { packages: { "node_modules/a": { version: "1.0.0", integrity: "sha512-a" } } })).toBe(
      true,
    );
  });

  it.each([
    ["there is no node_modules", undefined],
    ["one is missing", { packages: {} }],
    ["one has another version", { packages: { "node_modules/a": { version: "1.0.1", integrity: "sha512-a" } } }],
    ["one has other content", { packages: { "node_modules/a": { version: "1.0.0", integrity: "sha512-x" } } }],
  ])("are not installed when %s", (_, present) => expect(sameTree(wanted, present)).toBe(false));
});

describe("a Pulumi home", () => {
  it("has the plugin that it was given, and is left as it is once it has", async () => {
    const plugin = join(folder, "it's a $folder");
    mkdirSync(plugin);
    program(join(plugin, "pulumi-resource-command"), 'echo "started with $*"');
    const home = join(folder, "home");
    await expect(prepareHome(home, { given: plugin })).resolves.toBe("given");
    const installed = join(home, "plugins", "resource-command-v1.2.1", "pulumi-resource-command");
    expect(execFileSync(installed, ["a b", "c"], { encoding: "utf8" })).toBe("started with a b c\n");
    const { ino } = lstatSync(installed);
    await prepareHome(home, { given: plugin });
    expect(lstatSync(installed).ino).toBe(ino);
  });
});

describe("the last line of a test run", () => {
  const file = (status: string, ...tests: string[]) => ({
    status,
    assertionResults: tests.map((each) => ({ status: each })),
  });
  const report = { numPassedTests: 2, numFailedTests: 0, numPendingTests: 0, testResults: [file("passed", "passed")] };

  it("counts what vitest counts", () => {
    const told = { ...report, numFailedTests: 1, numPendingTests: 3, testResults: [file("failed", "failed")] };
    expect(counts(told, 1)).toEqual({ passed: 2, failed: 1, skipped: 3 });
  });
  it("counts a file that could not be loaded as a failure", () => {
    expect(counts({ ...report, testResults: [file("failed")] }, 1)).toMatchObject({ failed: 1 });
  });
  it("counts a run that failed otherwise as a failure", () => expect(counts(report, 1)).toMatchObject({ failed: 1 }));
  it("counts a run without a report as a failure", () => expect(counts(undefined, 0)).toMatchObject({ failed: 1 }));
});
