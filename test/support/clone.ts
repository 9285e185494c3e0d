import { cpSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { checkout } from "../../toolchain/paths.mjs";

/** The environment without anything of this test run's own; what was downloaded once may be used. */
export function newcomersEnvironment(): Readonly<Record<string, string | undefined>> {
  const foreign = /^(npm_(package|lifecycle|command|execpath|node)|INIT_CWD|NODE_|VITEST|PULUMI_|PGSITE_)/;
  const inherited = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  return {
    npm_config_cache: join(homedir(), ".npm"),
    npm_config_userconfig: join(homedir(), ".npmrc"),
    XDG_CACHE_HOME: join(homedir(), ".cache"),
    ...Object.fromEntries(inherited),
  };
}

/** Makes the folder `clone` a fresh clone of this checkout, with what is not committed yet as if it were. */
export async function cloneAsItStands(clone: string): Promise<void> {
  const git = (cwd: string, ...args: string[]) => execa("git", args, { cwd, timeout: 60_000 });
  mkdirSync(dirname(clone), { recursive: true });
  await git(dirname(clone), "clone", "--quiet", checkout, clone);
  const { stdout } = await git(checkout, "ls-files", "-z", "--cached", "--others", "--exclude-standard");
  for (const file of stdout.split("\0").filter((name) => name !== "")) {
    rmSync(join(clone, file), { force: true });
    if (!existsSync(join(checkout, file))) continue;
    mkdirSync(dirname(join(clone, file)), { recursive: true });
    cpSync(join(checkout, file), join(clone, file));
  }
  await git(clone, "add", "--all");
  const author = ["-c", "user.name=test", "-c", "user.email=test@example.org"];
  await git(clone, ...author, "commit", "--quiet", "--allow-empty", "--message", "as it stands");
}
