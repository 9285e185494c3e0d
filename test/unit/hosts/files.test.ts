import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { files, noFile } from "../../../hosts/shell/files.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pgsite-test-files-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("a file that is put in its place while it is looked for", () => {
  /** Runs a line in a shell, whose `stat` is the moment at which something is put at the path. */
  const run = (line: string, put: string) =>
    execa("sh", ["-c", `stat() { ${put}; command stat "$@"; }; ${line}`], { env: { LC_ALL: "C" }, reject: false });

  it.each([
    ["whole", (path: string) => files.read(path)],
    ["a part of it", (path: string) => files.readBytes(path, 0, 100)],
    ["its end", (path: string) => files.readTail(path, 100)],
  ])("is read: %s", async (_, reading) => {
    const path = join(folder, "postmaster.pid");
    const { exitCode, stdout } = await run(reading(path), `echo 4711 >'${path}'`);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "4711" });
  });

  it("is not read when it is a FIFO", async () => {
    const path = join(folder, "postmaster.pid");
    const { exitCode, stdout } = await run(files.read(path), `mkfifo '${path}'`);
    expect({ exitCode, stdout }).toEqual({ exitCode: noFile, stdout: "fifo" });
  });

  it("is not there when nothing is put there", async () => {
    const { exitCode, stderr } = await run(files.read(join(folder, "postmaster.pid")), ":");
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/: No such file or directory$/);
  });

  it("is read when it was there before", async () => {
    const path = join(folder, "postmaster.pid");
    writeFileSync(path, "4711\n");
    expect(await run(files.read(path), "exit 7")).toMatchObject({ exitCode: 0, stdout: "4711" });
  });
});

describe("a folder that somebody else makes at the same moment", () => {
  /** Makes a folder, and something else of that name once its parents are there. */
  const made = (path: string, other: string) =>
    execa(
      "sh",
      [
        "-c",
        `mkdir() { command mkdir "$@" && if [ "$1" = -p ]; then ${other}; fi; }; ${files.makeDirectory(path, 0o700)}`,
      ],
      {
        env: { LC_ALL: "C" },
        reject: false,
      },
    );

  it("is there, and nothing was said", async () => {
    const path = join(folder, "data.pgsite");
    const { exitCode, stderr } = await made(path, `command mkdir '${path}'`);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  });

  it("is not there when it is a file", async () => {
    const path = join(folder, "data.pgsite");
    const { exitCode, stderr } = await made(path, `: >'${path}'`);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: `mkdir: cannot create directory '${path}': File exists`,
    });
  });
});
