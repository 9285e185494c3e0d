import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { build } from "../../toolchain/build.mjs";
import { checkout } from "../../toolchain/paths.mjs";
import { runs, until } from "../support/processes.js";

let folder: string;

beforeAll(async () => {
  await build();
  folder = mkdtempSync(join(tmpdir(), "pgsite-end-"));
  await execa("mkfifo", [join(folder, "fifo")]);
  // A file system that does not answer, as a server of NFS that is gone: calls that never return, once it has said its port.
  const hang = `const write = process.stdout.write.bind(process.stdout);
process.stdout.write = (...given) => {
  for (let n = 0; n < 4; n += 1) require("node:fs").readFile(${JSON.stringify(join(folder, "fifo"))}, () => {});
  return write(...given);
};`;
  writeFileSync(join(folder, "hang.cjs"), hang);
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The provider under an engine of its own, which is a shell here. */
async function started() {
  const main = join(checkout, "dist", "provider", "main.js");
  const engine = spawn("/bin/sh", ["-c", 'node "$0" & echo "pid $!"; wait', main], {
    env: { ...process.env, NODE_OPTIONS: `--require ${join(folder, "hang.cjs")}` },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  engine.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  // Its port, in a line of its own.
  const pid = () => Number(/pid (\d+)/.exec(said)?.[1]);
  await until("the provider's start", () => /^\d+$/m.test(said)).catch((error) => {
    for (const id of [engine.pid, pid()]) if (id) process.kill(id, "SIGKILL");
    throw error;
  });
  return { engine, provider: pid() };
}

describe("a provider that waits for a file system which does not answer", () => {
  it("ends with its engine", async () => {
    const { engine, provider } = await started();
    engine.kill("SIGKILL");
    try {
      await until("its end", () => !runs(provider), 5);
    } finally {
      if (runs(provider)) process.kill(provider, "SIGKILL");
    }
  });

  it("ends by SIGTERM", async () => {
    const { engine, provider } = await started();
    process.kill(provider, "SIGTERM");
    await until("its end", () => !runs(provider), 5);
    engine.kill("SIGKILL");
    expect(runs(provider)).toBe(false);
  });
});
