import { controlNames, controlPath, upgradePath, watchNames } from "../../config/controlDirectory.js";
import type { KnownServer } from "../../config/site.js";
import { hostOf } from "../../hosts/index.js";
import { namesOf } from "../sql/versions.js";

/** A file of a server's host, as the page needs it. */
export interface FoundFile {
  readonly text: string;
  /** When its content was last changed, in milliseconds since 1970 by the host's clock. */
  readonly changed: number;
}

/** What a server's host remembers of what happened there. */
export interface HostFacts {
  /** Files that tell how a timeline began, by timeline; of each the last line. */
  readonly timelines: ReadonlyMap<number, FoundFile>;
  /** The runbook's journal. */
  readonly roles?: FoundFile;
  readonly watch?: FoundFile;
  readonly over?: FoundFile;
  /** Journal of an upgrade that is under way, or waits for its commit. */
  readonly upgrade?: FoundFile;
  /** Upgrades that are committed. */
  readonly upgrades?: FoundFile;
}

/**
 * Prints files that are there, each below a line `NAME<tab>TIME`, its own lines with a tab before them; the newest part of long
 * ones. One program for all of it: a host is asked once. Arguments: the folder of the WAL, then NAME and PATH of each.
 */
const script = `export LC_ALL=C TZ=UTC0
folder=$1
shift
put() {
  [ -f "$3" ] && [ -r "$3" ] || return 0
  changed=$(stat -L -c %y -- "$3") || return 0
  printf '%s\\t%s\\n' "$1" "$changed"
  tail "$2" -- "$3" | awk '{ print "\\t" $0 }'
}
for one in "$folder"/????????.history; do put "\${one##*/}" -n2 "$one"; done
while [ $# -gt 1 ]; do
  put "$1" -c262144 "$2"
  shift 2
done
echo end`;

const fileNames = ["roles", "watch", "over", "upgrade", "upgrades"] as const;

/** @param timeout milliseconds @throws where the host does not tell */
export async function askHost(
  server: KnownServer,
  { timeout, signal }: { readonly timeout: number; readonly signal: AbortSignal },
): Promise<HostFacts> {
  const jobs = controlPath(server, "jobs");
  const paths: Readonly<Record<(typeof fileNames)[number], string>> = {
    roles: controlPath(server, "roles"),
    watch: `${jobs}/${watchNames.state}`,
    over: `${jobs}/${watchNames.over}`,
    upgrade: upgradePath(server, "journal"),
    upgrades: controlPath(server, "upgrades"),
  };
  const folder = `${server.dataDirectory}/${namesOf(server.version).walDirectory}`;
  const argv = ["sh", "-c", script, "sh", folder, ...fileNames.flatMap((name) => [name, paths[name]])];
  const { code, stdout, stderr } = await hostOf(server.host).run(argv, { timeout, signal });
  const facts = factsIn(stdout);
  if (code !== 0 || facts === undefined) {
    throw new Error(
      `what ${server.host.name} remembers of ${server.name} (${controlNames.roles} and others) was not read: ${stderr.trim() || `status ${code}`}`,
    );
  }
  return facts;
}

/** What the script printed; undefined where it was cut off. */
export function factsIn(printed: string): HostFacts | undefined {
  const lines = printed.split("\n");
  if (lines.at(-2) !== "end") return undefined;
  const files = new Map<string, { readonly lines: string[]; readonly changed: number }>();
  let last: string[] = [];
  for (const line of lines.slice(0, -2)) {
    if (line.startsWith("\t")) {
      last.push(line.slice(1));
      continue;
    }
    const [name = "", time = ""] = line.split("\t");
    last = [];
    files.set(name, { lines: last, changed: timeIn(time) });
  }
  const found = (name: string): FoundFile | undefined => {
    const file = files.get(name);
    return file === undefined ? undefined : { text: file.lines.join("\n"), changed: file.changed };
  };
  const timelines = [...files.keys()].flatMap((name) => {
    const [, number] = /^([0-9A-F]{8})\.history$/.exec(name) ?? [];
    return number === undefined ? [] : [[Number.parseInt(number, 16), found(name) as FoundFile] as const];
  });
  const others = fileNames.flatMap((name) => {
    const file = found(name);
    return file === undefined ? [] : [[name, file] as const];
  });
  return { timelines: new Map(timelines), ...Object.fromEntries(others) };
}

/** stat's `2026-11-30 15:47:36.123456789 +0000`, which old ones print without fractions. */
function timeIn(text: string): number {
  const [, date, time, fraction = ""] = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d+)?/.exec(text) ?? [];
  if (date === undefined) return 0;
  return Date.parse(`${date}T${time}Z`) + Math.round(Number(fraction) * 1000);
}
