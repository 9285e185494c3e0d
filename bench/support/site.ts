import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { Rehearsal, type RehearsalOptions, rehearsalFolder } from "../../cli/rehearsal/rehearsal.js";
import { checkout } from "../../toolchain/paths.mjs";

/** Debian's server programs, which come with the clients that a shell script needs. */
const debian = "/usr/lib/postgresql/15/bin";

/** PostgreSQL 15 for every bench: Debian's where it is, else npm's. */
export const programsOf15: Pick<RehearsalOptions, "postgresql" | "binaries"> = existsSync(join(debian, "initdb"))
  ? { binaries: debian }
  : { postgresql: "15" };

/** The `ctio` stack with the hot mirror of `fnal` in it: primary, warm standby and mirror in one stack. */
export function oneStackOfThree(): string {
  return oneStackOf(3);
}

/** Primary, warm standby, and as many hot mirrors as there are servers left. */
export function oneStackOf(servers: number): string {
  const document = parseDocument(readFileSync(join(checkout, "Pulumi.ctio.yaml"), "utf8"));
  const mirrors = Array.from({ length: servers - 2 }, (_, index) => `des${10 + index}`);
  document.deleteIn(["config", "pgsite:mirrors"]);
  document.deleteIn(["config", "pgsite:settings", "hot_standby"]);
  document.setIn(["config", "pgsite:settings", "max_wal_senders"], servers);
  document.setIn(["config", "pgsite:servers", "server3", "settings", "hot_standby"], false);
  mirrors.forEach((name, index) => {
    document.setIn(["config", "pgsite:hosts", name], `192.0.2.${30 + index}`);
    document.setIn(["config", "pgsite:servers", name], { role: "mirror", dataDirectory: "/data/database/sispi_db" });
  });
  return document.toString();
}

/**
 * A rehearsal of a bench's own. It is gone in the end, also after a failure or Ctrl-C, and what an interrupted run left
 * goes first.
 */
export async function withRehearsal<T>(
  options: RehearsalOptions,
  act: (rehearsal: Rehearsal) => Promise<T>,
): Promise<T> {
  const interrupted = () => {
    sweep(options.name);
    process.exit(130);
  };
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  sweep(options.name);
  try {
    return await act(await Rehearsal.prepare(options));
  } finally {
    sweep(options.name);
    process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
  }
}

function sweep(name: string): void {
  const folder = rehearsalFolder(name);
  endServers(folder);
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
}

/** Ends every server whose data lie in a folder, as a crash: nobody needs those data any more. */
export function endServers(folder: string): void {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.name !== "postmaster.pid") continue;
    const pid = Number.parseInt(readFileSync(join(entry.parentPath, entry.name), "utf8"), 10);
    try {
      process.kill(pid, "SIGQUIT");
    } catch {
      // It ended before.
    }
  }
}
