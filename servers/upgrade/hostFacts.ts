import { posix } from "node:path";
import type { Host } from "../../hosts/host.js";
import { upgradePrograms } from "../../postgres/upgrade/programs.js";
import { parseStep, type Step, strangersOn } from "../../preflight/way.js";
import { hostScript } from "./hostScript.js";

/** What a host says of itself. */
export interface FoundOnHost {
  /** Bytes; undefined where it does not say. */
  readonly free?: number;
  readonly reflink: boolean;
  readonly mountPoint?: string;
  /** The folder that the data directory is in, where the OS user may put nothing there. */
  readonly closed?: string;
  /** Bytes a second; undefined where it could not be tried. */
  readonly writeRate?: number;
  /** In the order in which they were asked for. */
  readonly folders: readonly FoundFolder[];
}

export interface FoundFolder {
  readonly folder: string;
  readonly programs: ReadonlySet<string>;
  /** Who but root and the OS user may change what is run from there: then nothing is. */
  readonly strangers: readonly string[];
}

/** Looks at a host: space, file system, mount points, and programs in some folders. */
export async function lookAtHost(
  host: Host,
  { dataDirectory, controlDirectory }: { readonly dataDirectory: string; readonly controlDirectory: string },
  folders: readonly string[],
  signal: AbortSignal,
): Promise<FoundOnHost> {
  const argv = ["sh", "-c", hostScript, "sh", dataDirectory, controlDirectory, upgradePrograms.join("\n"), ...folders];
  const { stdout, stderr, code } = await host.run(argv, { timeout: 120_000, signal });
  if (code !== 0) throw new Error(`${host.name} cannot be looked at for an upgrade: ${stderr.trim()}`);
  return parseHost(stdout, host.user);
}

/** What the script printed. */
export function parseHost(text: string, osUser: string): FoundOnHost {
  const lines = text.split("\n").flatMap((line): (readonly [string, string])[] => {
    const at = line.indexOf("=");
    return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)]];
  });
  const all = (key: string) => lines.flatMap(([name, value]) => (name === key ? [value] : []));
  const [free = ""] = all("free");
  const [bytes, seconds] = (all("written")[0] ?? "").split(" ").map(Number);
  const rate = bytes === undefined || seconds === undefined || !(seconds > 0) ? undefined : bytes / seconds;
  // The outermost says most.
  const [mountPoint] = all("mount").sort((one, other) => one.length - other.length);
  const [closed] = all("closed");
  const folders: FoundFolder[] = [];
  for (let number = 0; ; number += 1) {
    const [folder] = all(`folder${number}`);
    if (folder === undefined) break;
    const way = all(`folder${number}.way`).flatMap((line): Step[] => {
      const step = parseStep(line);
      return step === undefined ? [] : [step];
    });
    const strangers = strangersOn(way, osUser).filter(({ who }) => who !== "its group");
    folders.push({
      folder,
      programs: new Set(all(`folder${number}.has`)),
      strangers: strangers.map(({ step }) => step.path),
    });
  }
  return {
    ...(free === "" || Number.isNaN(Number(free)) ? {} : { free: Number(free) * 1024 }),
    reflink: all("reflink")[0] === "yes",
    ...(mountPoint === undefined ? {} : { mountPoint }),
    ...(closed === undefined ? {} : { closed }),
    ...(rate === undefined || !Number.isFinite(rate) ? {} : { writeRate: rate }),
    folders,
  };
}

/** What a program of a folder says its version is: `17.10`; undefined where it does not run, or is not to. */
export async function versionIn(
  host: Host,
  { folder, programs, strangers }: FoundFolder,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (strangers.length > 0 || !programs.has("postgres")) return undefined;
  const { code, stdout } = await host.run([posix.join(folder, "postgres"), "--version"], { signal });
  const [, version] = /^postgres \(PostgreSQL\) (\d+(?:\.\d+)*)/.exec(stdout) ?? [];
  return code === 0 ? version : undefined;
}
