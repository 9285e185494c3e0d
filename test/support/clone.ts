import { cpSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { checkout } from "../../toolchain/paths.mjs";

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
