import type { Host } from "../../hosts/host.js";
import type { PackageManager } from "./packageManager.js";

/** Milliseconds: a slow mirror, or another apt that holds the lock. */
const patience = 15 * 60_000;

/**
 * postgresql-common reads its file when the server's package is configured, and makes and starts a cluster `main` unless it
 * says otherwise: so it must say so before, whether the package is there yet or not. A file that is there first stays
 * (UCF_FORCE_CONFFOLD), and what else an administrator wrote into it too. A source that cannot be read is only told of, on
 * standard output, since the package may come from another.
 */
const script = `
set -e
export LC_ALL=C DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 NEEDRESTART_MODE=l
without_main() {
  mkdir -p /etc/postgresql-common
  file=/etc/postgresql-common/createcluster.conf
  [ -e "$file" ] || : >"$file"
  if grep -q '^[# ]*create_main_cluster' "$file"; then
    sed -i 's/^[# ]*create_main_cluster.*/create_main_cluster = false/' "$file"
  else
    echo 'create_main_cluster = false' >>"$file"
  fi
}
for package; do
  case $package in postgresql-[0-9]*) without_main ;; esac
done
get() { apt-get -q -y -o DPkg::Lock::Timeout=300 "$@"; }
get update 2>&1 || :
get install --no-install-recommends -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -- "$@"
`;

export const apt: PackageManager = {
  async install(host: Host, packages: readonly string[]): Promise<void> {
    const { code, stdout, stderr } = await host.run(["sh", "-c", script, "sh", ...packages], { timeout: patience });
    if (code === 0) return;
    const words = [stderr, stdout].flatMap((text) => /^E: (.*)$/m.exec(text)?.[1] ?? []);
    const told = words.length > 0 ? [...new Set(words)].join("; ") : (stderr || stdout).trim().split("\n").at(-1);
    throw new Error(`${packages.join(" and ")} cannot be installed on ${host.name}: ${told}`);
  },
};
