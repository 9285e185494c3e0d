import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { installedPlugin, pluginOnPath } from "../../../toolchain/plugins.mjs";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pgsite-unit-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const put = (path: string) => {
  mkdirSync(join(folder, path, ".."), { recursive: true });
  writeFileSync(join(folder, path), "", { mode: 0o755 });
};
const installed = (...versions: string[]) => {
  for (const version of versions) put(`plugins/resource-command-v${version}/pulumi-resource-command`);
  const found = installedPlugin("command", "1.2.1", folder);
  return found?.slice(`${folder}/plugins/resource-command-v`.length);
};

it("an installed plugin of the version that is asked for is taken", () =>
  expect(installed("1.3.0", "1.2.1")).toBe("1.2.1"));
it("so is the newest of newer ones", () => expect(installed("1.2.0", "1.3.0", "1.12.0")).toBe("1.12.0"));
it("an older one is not", () => expect(installed("1.2.0", "0.9.9")).toBeUndefined());
it("a home that is not there has none", () =>
  expect(installedPlugin("command", "1.2.1", join(folder, "no"))).toBeUndefined());
it("a folder without its program is none", () => {
  mkdirSync(join(folder, "plugins", "resource-command-v1.2.1"), { recursive: true });
  expect(installed()).toBeUndefined();
});

it("a plugin on PATH is found, and one that lies beside the `pulumi` to which PATH leads", () => {
  put("real/pulumi");
  put("real/pulumi-resource-docker");
  put("own/pulumi-resource-command");
  mkdirSync(join(folder, "bin"));
  symlinkSync(join(folder, "real", "pulumi"), join(folder, "bin", "pulumi"));
  const path = ["", join(folder, "bin"), join(folder, "own")].join(delimiter);
  expect(pluginOnPath("docker", path)).toBe(join(folder, "real"));
  expect(pluginOnPath("command", path)).toBe(join(folder, "own"));
  expect(pluginOnPath("random", path)).toBeUndefined();
});
