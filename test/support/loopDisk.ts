import { existsSync, mkdirSync, readdirSync, readlinkSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { serverFolder } from "./serverUser.js";

export type FileSystem = "xfs" | "btrfs";

/** Why this machine cannot have a file system of a kind for a test; undefined where it can. */
export function noLoopDisk(type: FileSystem): string | undefined {
  if (process.getuid?.() !== 0) return "root alone mounts";
  if (!["/usr/sbin", "/usr/bin", "/sbin"].some((folder) => existsSync(join(folder, `mkfs.${type}`)))) {
    return `there is no mkfs.${type} (packages xfsprogs, btrfs-progs)`;
  }
  return existsSync("/dev/loop-control") ? undefined : "the kernel has no loop devices";
}

/** A file system of a kind in a file, mounted. `close` unmounts and removes it, whatever still works in it. */
export class LoopDisk {
  private constructor(
    readonly folder: string,
    /** Where it is mounted. */
    readonly place: string,
  ) {}

  static async make(type: FileSystem): Promise<LoopDisk> {
    const folder = await serverFolder("/var/tmp/pgsite-loop-");
    const disk = new LoopDisk(folder, join(folder, "disk"));
    try {
      const file = join(folder, "file");
      writeFileSync(file, "", { mode: 0o600 });
      // Sparse: it takes what is written to it.
      truncateSync(file, 2 ** 30);
      await execa(`mkfs.${type}`, ["-q", file], { env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` } });
      mkdirSync(disk.place);
      await execa("mount", ["-t", type, "-o", "loop", file, disk.place]);
      await execa("chown", ["--reference", folder, disk.place]);
      return disk;
    } catch (error) {
      await disk.close();
      throw error;
    }
  }

  /** A new folder in it, of whoever runs the servers. */
  async newFolder(name: string): Promise<string> {
    const path = join(this.place, name);
    mkdirSync(path, { mode: 0o755 });
    await execa("chown", ["--reference", this.folder, path]);
    return path;
  }

  /** Bytes that are taken, once all is on the disk. */
  async taken(): Promise<number> {
    await execa("sync", ["-f", this.place]);
    const { stdout } = await execa("df", ["--block-size=1", "--output=used", this.place]);
    return Number(stdout.split("\n")[1]);
  }

  async close(): Promise<void> {
    const { place, folder } = this;
    if (existsSync(place)) {
      // What a test that failed has left: it would keep the disk.
      for (const pid of workingIn(place)) process.kill(pid, "SIGKILL");
      const { failed } = await execa("umount", [place], { reject: false });
      if (failed) await execa("umount", ["-l", place], { reject: false });
    }
    rmSync(folder, { recursive: true, force: true });
  }
}

function workingIn(folder: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return readlinkSync(`/proc/${name}/cwd`).startsWith(`${folder}/`);
      } catch {
        return false;
      }
    })
    .map(Number);
}
