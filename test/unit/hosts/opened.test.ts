import { chmodSync, linkSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LocalHost } from "../../../hosts/local.js";
import { serverFolder, serverUser } from "../../support/serverUser.js";

/** As root: `npm test` of anybody else has no other user's folder to look into. */
describe.skipIf(process.getuid?.() !== 0)("a file of root's own, as root sees it for another user (takes root)", () => {
  let folder: string;
  let host: LocalHost;

  beforeAll(async () => {
    folder = await serverFolder("/tmp/pgsite-roots-");
    host = new LocalHost("this machine", await serverUser());
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const write = (path: string) => writeFileSync(path, "root's", { mode: 0o600 });

  it("is read where it lies in that user's folder: a difference to be seen", async () => {
    write(join(folder, "postgresql.conf"));
    expect((await host.readFile(join(folder, "postgresql.conf")))?.toString()).toBe("root's");
    expect((await host.stat(join(folder, "postgresql.conf")))?.owner).toBe("root");
  });

  it.each([
    ["behind a link", (secret: string, path: string) => symlinkSync(secret, path)],
    ["under a second name", (secret: string, path: string) => linkSync(secret, path)],
  ])("is not read %s", async (_case, plant) => {
    const roots = mkdtempSync("/tmp/pgsite-roots-");
    const [secret, path] = [join(roots, "secret"), join(folder, "planted.conf")];
    write(secret);
    try {
      plant(secret, path);
      await expect(host.readFile(path)).rejects.toThrow(/Permission denied/);
    } finally {
      rmSync(path, { force: true });
      rmSync(roots, { recursive: true });
    }
  });

  it("is not read in a folder of root's to which a link leads", async () => {
    const roots = mkdtempSync("/tmp/pgsite-roots-");
    chmodSync(roots, 0o755);
    write(join(roots, "postgresql.conf"));
    symlinkSync(roots, join(folder, "data"));
    try {
      await expect(host.readFile(join(folder, "data", "postgresql.conf"))).rejects.toThrow(/Permission denied/);
      // Moved by root, it lies in that user's own.
      renameSync(join(roots, "postgresql.conf"), join(folder, "moved.conf"));
      expect((await host.readFile(join(folder, "moved.conf")))?.toString()).toBe("root's");
    } finally {
      rmSync(roots, { recursive: true, force: true });
    }
  });
});
