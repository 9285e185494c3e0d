// Debian's packages that tests need beside ours. Only as root on Debian: elsewhere those tests are skipped.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { toolchainCache } from "./paths.mjs";
import { locked, must, say } from "./steps.mjs";

/** Package → a program that it brings. */
const needed = {
  rsync: "/usr/bin/rsync",
  pv: "/usr/bin/pv",
  busybox: "/usr/bin/busybox",
  shellcheck: "/usr/bin/shellcheck",
  "openssh-client": "/usr/bin/ssh",
  "openssh-server": "/usr/sbin/sshd",
  sudo: "/usr/bin/sudo",
  strace: "/usr/bin/strace",
  bats: "/usr/bin/bats",
  cron: "/usr/sbin/cron",
  dma: "/usr/sbin/dma",
  prometheus: "/usr/bin/promtool",
  iproute2: "/bin/ip",
  locales: "/usr/sbin/locale-gen",
  "docker.io": "/usr/sbin/dockerd",
  debootstrap: "/usr/sbin/debootstrap",
  xfsprogs: "/usr/sbin/mkfs.xfs",
  "btrfs-progs": "/usr/sbin/mkfs.btrfs",
  patchelf: "/usr/bin/patchelf",
  chromium: "/usr/bin/chromium",
  apache2: "/usr/sbin/apache2",
  "libapache2-mod-wsgi-py3": "/usr/lib/apache2/modules/mod_wsgi.so",
  "libapache2-mod-python": "/usr/lib/apache2/modules/mod_python.so",
  "python3-psycopg2": "/usr/lib/python3/dist-packages/psycopg2/__init__.py",
  "postgresql-15": "/usr/lib/postgresql/15/bin/postgres",
};

/** Read by postgresql-common before an installation: no cluster of this machine's own is made. */
const noCluster = "/etc/postgresql-common/createcluster.d/pgsite.conf";

const policy = "/usr/sbin/policy-rc.d";

/** Installs what is missing; where it may not, says what will be skipped. */
export async function installDebianPackages() {
  const missing = missingPackages();
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) {
    say(`not installed, tests that need them are skipped: ${missing.join(", ")}`);
    return;
  }
  await locked(join(toolchainCache(), "apt.lock"), async () => {
    if (missingPackages().length === 0) return;
    say(`installing Debian packages for the tests: ${missing.join(", ")}`);
    // Tests start what they need by themselves: no service of this machine is to be started by an installation.
    const ours = !existsSync(policy);
    if (ours) {
      writeFileSync(policy, "#!/bin/sh\nexit 101\n");
      chmodSync(policy, 0o755);
    }
    try {
      const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
      await must("update package lists", "apt-get", ["update", "-q"], { env, seconds: 300 });
      // Another release of Debian has another major version of PostgreSQL.
      const offered = missing.filter((name) => spawnSync("apt-cache", ["show", name]).status === 0);
      if (offered.length < missing.length) {
        say(`not to be had here: ${missing.filter((name) => !offered.includes(name)).join(", ")}`);
      }
      if (missing.includes("postgresql-15")) {
        mkdirSync(dirname(noCluster), { recursive: true });
        writeFileSync(noCluster, "create_main_cluster = false\n");
      }
      const install = ["install", "-y", "--no-install-recommends", ...offered];
      await must(`install ${offered.join(", ")}`, "apt-get", install, { env, seconds: 600 });
    } finally {
      if (ours) rmSync(policy, { force: true });
    }
  });
}

export function missingPackages() {
  return Object.entries(needed)
    .filter(([, program]) => !existsSync(program))
    .map(([name]) => name);
}
