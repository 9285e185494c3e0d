import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { programsCache } from "../../toolchain/paths.mjs";
import { programs } from "../../toolchain/programs.mjs";

/** A folder for programs, where nobody but root and the servers' OS user decides what is run: a preview runs nothing else. */
export class ProgramsFolder {
  readonly path: string;

  constructor() {
    mkdirSync(programsCache(), { recursive: true });
    this.path = mkdtempSync(join(programsCache(), "test-"));
    chmodSync(this.path, 0o755);
  }

  /**
   * npm's programs of a version, which have ICU and are the server's alone, with others beside them.
   * @param from a folder of all programs of the same version: of them those that npm has not @param names @default all
   */
  async join(major: string, from: string, names: readonly string[] = readdirSync(from)): Promise<string> {
    const folder = join(this.path, major);
    await execa("cp", ["-a", join(await programs(major), ".."), folder]);
    const lib = join(from, "../lib");
    // Debian's find theirs in the system.
    const libraries = readdirSync(lib).filter((name) => /^lib.*\.so\./.test(name));
    // What is there already is npm's.
    await execa("cp", ["-a", "-n", ...names.map((name) => join(from, name)), join(folder, "bin")]);
    if (libraries.length > 0) {
      await execa("cp", ["-a", "-n", ...libraries.map((name) => join(lib, name)), join(folder, "lib")]);
    }
    await execa("chmod", ["-R", "a+rX,go-w", folder]);
    return join(folder, "bin");
  }

  close(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
