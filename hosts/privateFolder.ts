import { existsSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { notOurs, ownFolder } from "../toolchain/ownFolder.mjs";

/** Bytes that the path of a Unix socket may have on every system. */
const longestSocket = 103;

/**
 * Where folders for sockets may lie, the best first. In the temporary folder anybody can take a name first; in the home, which
 * may be far away or not be there at all, nobody can: so a stranger stops nothing.
 */
function* places(): Generator<string> {
  const { XDG_RUNTIME_DIR: runtime } = process.env;
  if (runtime !== undefined && runtime !== "") yield runtime;
  yield tmpdir();
  yield "/tmp";
  yield join(userInfo().homedir, ".cache");
}

function* candidates(purpose: string, longestName: number): Generator<string> {
  for (const place of places()) {
    const folder = join(place, `pgsite-${purpose}-${process.getuid?.() ?? ""}`);
    if (Buffer.byteLength(folder) + 1 + longestName <= longestSocket) yield folder;
  }
}

/**
 * A folder of this machine that only we can enter, for sockets; made where it is missing. One that somebody else has taken is
 * passed over. @param longestName bytes that a socket's name in it may have @throws where there is no such folder to be had
 */
export function privateFolder(purpose: string, longestName: number): string {
  const problems = new Set<string>();
  for (const folder of candidates(purpose, longestName)) {
    try {
      return ownFolder(folder);
    } catch (error) {
      problems.add((error as Error).message);
    }
  }
  const why = [...problems].map((problem) => `\n  ${problem}`).join("");
  throw new Error(
    `there is no folder for the sockets of pgsite: set XDG_RUNTIME_DIR to a folder of your own with a short path${why}`,
  );
}

/** Those of the folders that `privateFolder` may have chosen, at whatever time, that are there and ours alone. */
export function privateFolders(purpose: string, longestName: number): readonly string[] {
  return [...new Set(candidates(purpose, longestName))].filter(
    (folder) => existsSync(folder) && notOurs(folder) === undefined,
  );
}
