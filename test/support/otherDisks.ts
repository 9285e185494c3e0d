import { existsSync, mkdirSync, readlinkSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import type { Server } from "../../config/site.js";
import { serverFolder } from "./serverUser.js";

/** Disks of their own (memory), as root alone has them, for what an administrator puts elsewhere than among the data. */
export class OtherDisks {
  readonly #mounted: string[] = [];

  private constructor(readonly folder: string) {}

  static async make(): Promise<OtherDisks> {
    return new OtherDisks(await serverFolder("/var/tmp/pgsite-disks-"));
  }

  /** A new one. @param size as mount(8) has it */
  async disk(name: string, size = "600m"): Promise<string> {
    const path = join(this.folder, name);
    mkdirSync(path);
    await this.#mount(path, size);
    await execa("chown", ["--reference", this.folder, path]);
    return path;
  }

  /** Moves something of a stopped server's data to a disk, and leaves a link. */
  async link({ name, dataDirectory }: Server, path: string, disk: string): Promise<string> {
    const to = join(disk, `${name}-${path}`);
    await execa("mv", ["-T", join(dataDirectory, path), to]);
    await execa("ln", ["-s", to, join(dataDirectory, path)]);
    await execa("chown", ["-h", "--reference", dataDirectory, join(dataDirectory, path)]);
    return to;
  }

  /** Mounts a disk in a stopped server's data, with what was there. */
  async mountBelow({ dataDirectory }: Server, path: string): Promise<void> {
    const place = join(dataDirectory, path);
    const before = `${dataDirectory}.before`;
    await execa("mv", ["-T", place, before]);
    mkdirSync(place);
    await this.#mount(place, "600m");
    await execa("cp", ["-a", `${before}/.`, place]);
    rmSync(before, { recursive: true });
  }

  async close(): Promise<void> {
    for (const path of this.#mounted.reverse()) {
      if (existsSync(path)) await execa("umount", ["-l", path], { reject: false });
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #mount(path: string, size: string): Promise<void> {
    await execa("mount", ["-t", "tmpfs", "-o", `size=${size},mode=700`, "pgsite-test", path]);
    this.#mounted.push(path);
  }
}

/** Links anywhere in a folder that lead out of it, with where to. */
export async function leadingOut(folder: string): Promise<readonly string[]> {
  const { stdout } = await execa("find", [folder, "-type", "l"]);
  const links = stdout.split("\n").filter((path) => path !== "");
  return links.flatMap((path) => {
    const says = readlinkSync(path);
    const leads = join(dirname(path), says);
    return says.startsWith("/") || !leads.startsWith(`${folder}/`) || !existsSync(path) ? [`${path} → ${says}`] : [];
  });
}
