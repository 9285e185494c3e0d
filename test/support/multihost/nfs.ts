import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { must } from "./command.js";
import type { HostMachine } from "./machine.js";

/** NFS_SUPER_MAGIC of linux/magic.h for whatever lies below FOLDER; all else as it is. */
const source = `#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
#include <sys/statfs.h>
int statfs(const char *path, struct statfs *found) {
  int (*real)(const char *, struct statfs *) = dlsym(RTLD_NEXT, "statfs");
  int result = real(path, found);
  if (result == 0 && strncmp(path, FOLDER, strlen(FOLDER)) == 0) found->f_type = 0x6969;
  return result;
}
`;

/**
 * Makes a folder of a host's one that lies on NFS, as far as any program there can tell: kernels of test machines have no
 * NFS to mount. Every program of the host's loads a library that says so, until `mend`.
 */
export async function sayNfs(host: HostMachine, folder: string): Promise<{ mend(): Promise<void> }> {
  const place = mkdtempSync(join(tmpdir(), "pgsite-nfs-"));
  try {
    writeFileSync(join(place, "nfs.c"), source);
    const library = join(place, "nfs.so");
    await must(["cc", "-shared", "-fPIC", `-DFOLDER="${folder}"`, "-o", library, join(place, "nfs.c"), "-ldl"]);
    const bytes = (await readFile(library)).toString("base64");
    await host.must(["sh", "-c", "base64 -d >/usr/local/lib/nfs.so"], { input: bytes });
    await host.must(["sh", "-c", "echo /usr/local/lib/nfs.so >/etc/ld.so.preload"]);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
  return {
    async mend() {
      await host.must(["rm", "/etc/ld.so.preload"]);
    },
  };
}
