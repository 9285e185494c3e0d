import { execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { checkout } from "../../../toolchain/paths.mjs";
import { command, type Result } from "../multihost/command.js";

const needed = ["/usr/sbin/useradd", "/usr/sbin/userdel", "/usr/bin/setpriv"];

/** Why no stranger is to be had here; undefined where one is. */
export const noStranger =
  process.getuid?.() !== 0
    ? "another OS user can be made by root alone"
    : needed.filter((program) => !existsSync(program)).map((program) => `there is no ${program}`)[0];

let count = 0;

/** An OS user of this machine without any right, made for a test. `remove()` in the end, also after a failure. */
export class Stranger {
  private constructor(
    readonly name: string,
    readonly uid: number,
    /** His own, with his programs. */
    readonly folder: string,
  ) {}

  static make(): Stranger {
    const name = `pgsite-str-${process.pid}-${count++}`;
    execFileSync("/usr/sbin/useradd", ["--no-create-home", "--home-dir", "/nonexistent", "--shell", "/bin/sh", name]);
    const uid = Number(execFileSync("id", ["-u", name], { encoding: "utf8" }));
    const folder = mkdtempSync(join(tmpdir(), "pgsite-stranger-"));
    chmodSync(folder, 0o755);
    return new Stranger(name, uid, folder);
  }

  /** A program of this folder as one file that he can read. */
  async program(name: "calls" | "closes"): Promise<string> {
    const outfile = join(this.folder, `${name}.cjs`);
    await build({
      entryPoints: [join(checkout, "test/support/stranger", `${name}.ts`)],
      outfile,
      bundle: true,
      platform: "node",
      target: "node20",
      format: "cjs",
      logLevel: "silent",
    });
    return outfile;
  }

  argv(argv: readonly string[]): [string, ...string[]] {
    return ["/usr/bin/setpriv", "--reuid", this.name, "--regid", this.name, "--clear-groups", "--", ...argv];
  }

  /** Runs a program as him, to its end. */
  run(argv: readonly string[]): Promise<Result> {
    return command(this.argv(argv), { env: { PATH: process.env.PATH } });
  }

  /** Starts one of his programs. */
  start(program: string, args: readonly string[]) {
    const [first, ...rest] = this.argv([process.execPath, program, ...args]);
    return spawn(first, rest, { env: { PATH: process.env.PATH }, cwd: "/", stdio: ["pipe", "pipe", "inherit"] });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
    execFileSync("/usr/sbin/userdel", [this.name], { stdio: "ignore" });
  }
}
