import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { checkout } from "../../toolchain/paths.mjs";
import { LocalSite } from "../support/localSite.js";

/* At three in the morning one stack of several is wrong: what can be read of the others is shown. */

let site: LocalSite;

beforeAll(async () => {
  site = await LocalSite.make({ major: "15", block: 253, servers: ["server2"] });
  await site.sandbox.must(["stack", "init", "wrong"]);
  site.sandbox.write({ "Pulumi.wrong.yaml": 'config:\n  pgsite:site: orders\n  pgsite:postgresql: "15"\n' });
}, 60_000);

afterAll(() => site?.remove(), 60_000);

const pgsite = async (...args: readonly string[]) => {
  const { program, env } = site.sandbox;
  const options = { cwd: program, env, extendEnv: false, reject: false, timeout: 60_000 } as const;
  const { exitCode, stdout, stderr } = await execa(
    process.execPath,
    [join(checkout, "dist/pgsite.js"), ...args],
    options,
  );
  return { exitCode, stdout, stderr };
};

it.each(["status", "preflight"])("%s goes on without a stack that cannot be read, and says so", async (command) => {
  const { exitCode, stdout, stderr } = await pgsite(command);
  expect(stdout).toContain("server2");
  expect(stderr.split("\n").filter((line) => line.startsWith("left out"))).toEqual([
    expect.stringMatching(/^left out, since it cannot be read: wrong: Pulumi\.wrong\.yaml has \d+ problems/),
  ]);
  expect(exitCode).not.toBe(0);
});

it("status of that stack by name says all that is wrong with it", async () => {
  const { exitCode, stderr } = await pgsite("status", "--stack", "wrong");
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/servers: is missing/);
});
