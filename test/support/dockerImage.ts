import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { locked, say } from "../../toolchain/steps.mjs";
import { must } from "./multihost/command.js";

/** Debian of this machine's release with its PostgreSQL, as tests call it. */
export const image = "pgsite-test/debian:postgresql-15";

const debootstrap = "/usr/sbin/debootstrap";
const server = "postgresql-15";

/** Why there can be no image here; undefined where it can. */
export function whyNoImage(): string | undefined {
  if (existsSync(archive())) return undefined;
  return existsSync(debootstrap) ? undefined : `not installed: ${debootstrap}`;
}

/** The image's file tree as an archive. It is made once, from packages, and kept: the first time takes a minute. */
export async function imageArchive(): Promise<string> {
  const path = archive();
  if (existsSync(path)) return path;
  mkdirSync(dirname(path), { recursive: true });
  await locked(`${path}.lock`, async () => {
    if (existsSync(path)) return;
    say("making Debian's image for the tests with Docker, once");
    const tree = `${path}.${process.pid}`;
    try {
      const packages = [server, "rsync"].join(",");
      const options = ["--variant=minbase", `--include=${packages}`, codename(), tree, mirror()];
      await must([debootstrap, ...options], { seconds: 600 });
      // Debian's own cluster, what nobody reads, and a compiler that no test needs.
      const unneeded = [
        "/var/lib/postgresql/15",
        "/etc/postgresql/15",
        "/var/cache/apt",
        "/var/lib/apt/lists",
        "/usr/share/doc",
        "/usr/share/locale",
        "/usr/share/man",
        "/usr/lib/postgresql/15/lib/bitcode",
        "/usr/lib/postgresql/15/lib/llvmjit.so",
      ];
      const compilers = ["sh", "-c", 'rm -f "$1"/usr/lib/*/libLLVM*', "sh", tree];
      await Promise.all([must(["rm", "-rf", ...unneeded.map((one) => tree + one)]), must(compilers)]);
      await must(["tar", "-C", tree, "-cf", `${tree}.tar`, "."], { seconds: 120 });
      renameSync(`${tree}.tar`, path);
    } finally {
      rmSync(tree, { recursive: true, force: true });
      rmSync(`${tree}.tar`, { force: true });
    }
  });
  return path;
}

function archive(): string {
  return `/var/cache/pgsite/docker/${codename()}-${server}.tar`;
}

function codename(): string {
  const release = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
  return /^VERSION_CODENAME=(\S+)/m.exec(release)?.[1] ?? "unknown";
}

/** Where this machine's own packages come from. @throws where apt names nothing */
function mirror(): string {
  const args = ["indextargets", "--format", "$(REPO_URI)", `Codename: ${codename()}`, "Created-By: Packages"];
  const { stdout } = spawnSync("apt-get", args, { encoding: "utf8" });
  const first = stdout.split("\n").find((line) => line !== "");
  if (first === undefined) throw new Error(`apt-get knows no sources of ${codename()}`);
  return first;
}
