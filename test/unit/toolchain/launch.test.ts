import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { version } from "@pulumi/command/package.json";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { checkout } from "../../../toolchain/paths.mjs";

/** A clone that was not set up yet, as much of it as Pulumi.yaml names. */
let clone: string;
let home: string;
beforeEach(() => {
  clone = realpathSync(mkdtempSync(join(tmpdir(), "pgsite-unit-")));
  cpSync(join(checkout, "toolchain", "launch"), join(clone, "toolchain", "launch"), { recursive: true });
  home = join(clone, "home");
  vi.stubEnv("PULUMI_HOME", home);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(clone, { recursive: true });
});

const put = (path: string, text: string) => {
  mkdirSync(join(clone, path, ".."), { recursive: true });
  writeFileSync(join(clone, path), text, { mode: 0o755 });
};
const installed = "home/plugins/resource-command-v1.2.1/pulumi-resource-command";
const ran = (program: string, ...args: string[]) =>
  promisify(execFile)(resolve(clone, "toolchain", "launch", program), args).then(
    ({ stdout }) => stdout,
    ({ code, stderr }) => ({ code, stderr }),
  );
/** What Pulumi's language host does: it asks Node from the program's folder where the SDK is, and starts that. */
async function languageHost(...args: string[]) {
  const script = "console.log(require.resolve('@pulumi/pulumi/cmd/run'))";
  const cwd = join(clone, "toolchain", "launch");
  const { stdout } = await promisify(execFile)(process.execPath, ["-e", script], { cwd });
  return ran(process.execPath, stdout.trim(), ...args);
}
const program = () => createRequire(import.meta.url)(join(clone, "toolchain", "launch", "index.js")) as unknown;

describe("a checkout that is not set up", () => {
  it("says so by its program, by an error that Pulumi's runner shows by its message alone", () => {
    expect(program).toThrowError(
      expect.objectContaining({
        message: `this checkout of pgsite is not set up yet: run \`npm run setup\` in ${clone}`,
        __pulumiRunError: true,
      }) as Error,
    );
  });

  it("says so by its provider, which a refresh starts first", async () => {
    expect(await ran("provider/pulumi-resource-pgsite")).toEqual({
      code: 1,
      stderr: `this checkout of pgsite is not set up yet: run \`npm run setup\` in ${clone}\n`,
    });
  });

  it("says so in place of Pulumi's SDK, if npm's packages are not there", async () => {
    expect(await languageHost()).toEqual({
      code: 32,
      stderr: `this checkout of pgsite is not set up yet: run \`npm run setup\` in ${clone}\n`,
    });
  });

  it("says so to whoever calls pgsite", async () => {
    const { bin } = JSON.parse(readFileSync(join(checkout, "package.json"), "utf8")) as { bin: { pgsite: string } };
    expect(await ran(join(clone, bin.pgsite), "status")).toEqual({
      code: 1,
      stderr: `pgsite: this checkout of pgsite is not set up yet: run \`npm run setup\` in ${clone}\n`,
    });
  });

  it("names the command plugin, if that alone is missing", async () => {
    put("dist/index.js", "module.exports = () => 'built';");
    expect(program).toThrowError(`Pulumi's command plugin 1.2.1 is not here: run \`npm run setup\` in ${clone}`);
    expect(await ran("command/pulumi-resource-command")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("`npm run setup`") as string,
    });
  });
});

describe("a checkout that is set up", () => {
  it.each(["dist/command/pulumi-resource-command", installed])("runs what is built, with %s", (plugin) => {
    put("dist/index.js", "module.exports = () => 'built';");
    put(plugin, "");
    expect((program() as () => string)()).toBe("built");
  });

  it("starts npm's SDK for the language host", async () => {
    put("node_modules/@pulumi/pulumi/cmd/run/index.js", "console.log(process.argv.slice(2).join());");
    expect(await languageHost("--stack", "production")).toBe("--stack,production\n");
  });

  it("runs the command plugin that setup found, but the official one as soon as that is installed", async () => {
    put("dist/command/pulumi-resource-command", '#!/bin/sh\necho "found by setup: $*"\n');
    expect(await ran("command/pulumi-resource-command", "a b", "c")).toBe("found by setup: a b c\n");
    put(installed, '#!/bin/sh\necho "installed: $*"\n');
    expect(await ran("command/pulumi-resource-command", "a b")).toBe("installed: a b\n");
  });

  it("asks for the version of npm's @pulumi/command", () => {
    for (const file of ["launch/built.js", "launch/command/pulumi-resource-command", "commandPlugin.mjs"])
      expect(readFileSync(join(checkout, "toolchain", file), "utf8"), file).toContain(version);
  });
});
