import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { checkout } from "../../../toolchain/paths.mjs";

const has = (program: string) => spawnSync("sh", ["-c", 'command -v "$1"', "sh", program]).status === 0;

for (const shell of ["dash", "busybox sh"])
  it(`what all jobs share does in ${shell} what its tests say (bats)`, (context) => {
    const missing = ["bats", shell.replace(/ .*/, "")].filter((program) => !has(program));
    if (missing.length > 0) context.skip(`not here: ${missing.join(", ")}`);
    const { stdout } = spawnSync("bats", [join(checkout, "test/shell/jobs.bats")], {
      env: { ...process.env, SHELL_OF_HOST: shell },
      encoding: "utf8",
    });
    expect(stdout.split("\n").filter((line) => line.startsWith("not ok"))).toEqual([]);
    expect(stdout).toMatch(/^1\.\.7$/m);
  }, 60_000);
