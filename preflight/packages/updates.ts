import type { Host, HostSpec } from "../../hosts/host.js";
import { isOlder, releaseOf } from "../../postgres/minor.js";
import type { PreflightRequest } from "../request.js";
import { debian } from "./families.js";
import { managers } from "./manager.js";

/*
 * Minor versions. A host's package manager is asked for what it has and what it would install, by its sources as last read: only an
 * `up` reads them anew, as root. pgsite drives apt alone, so only of that it knows.
 */

/** A package of which the host has an older minor version than its package manager, or than is declared. */
export interface Outdated {
  readonly package: string;
  readonly from: string;
  /** What the package manager would install; absent where that is no newer one. */
  readonly to?: string;
  /** The declared release, where neither is as new. */
  readonly declared?: string;
}

export const updatesScript = `
export LC_ALL=C
command -v dpkg-query >/dev/null && command -v apt-cache >/dev/null || exit 0
for package; do
  installed=$(dpkg-query -W -f='\${Status} \${Version}' -- "$package" 2>/dev/null) || continue
  case $installed in "install ok installed "*) installed=\${installed##* } ;; *) continue ;; esac
  policy=$(apt-cache policy "$package") || exit 1
  candidate=$(printf '%s\\n' "$policy" | awk '$1 == "Candidate:" { print $2 }')
  printf '%s %s %s\\n' "$package" "$installed" "\${candidate:-(none)}"
done
`;

/** What the script printed. @param least the declared release */
export function parseUpdates(text: string, least?: string): readonly Outdated[] {
  return text.split("\n").flatMap((line): readonly Outdated[] => {
    const [name, from, candidate = ""] = line.trim().split(" ");
    const is = releaseOf(from ?? "");
    if (name === undefined || from === undefined || is === undefined) return [];
    const next = releaseOf(candidate);
    const isNewer = next !== undefined && isOlder(is, next);
    const will = isNewer ? next : is;
    const lacks = least !== undefined && isOlder(will, least) ? { declared: least } : {};
    if (!isNewer && Object.keys(lacks).length === 0) return [];
    return [{ package: name, from, ...(isNewer ? { to: candidate } : {}), ...lacks }];
  });
}

type Asked = Pick<PreflightRequest, "version" | "minor" | "servers" | "install">;

/** Servers that run the programs of their distribution's package, by host. */
function packaged({ servers, version }: Asked): ReadonlyMap<string, HostSpec> {
  const theirs = servers.filter(({ binDirectory }) => binDirectory === debian.binDirectory(version));
  return new Map(theirs.map(({ host }) => [host.name, host]));
}

/** What the hosts' package managers said. */
export interface Updates {
  readonly outdated: Readonly<Record<string, readonly Outdated[]>>;
  /** By host that answers, and whose package manager does not: its words. */
  readonly silent: Readonly<Record<string, string>>;
}

/** By host; of one that cannot be reached nothing, since others say that. Nobody is asked where the stack wants none of it. */
export async function outdatedPackages(
  asked: Asked,
  hostOf: (spec: HostSpec) => Host | Promise<Host>,
): Promise<Updates> {
  if (!asked.install && asked.minor === undefined) return { outdated: {}, silent: {} };
  const names = [debian.server(asked.version), debian.client(asked.version)];
  const outdated: Record<string, readonly Outdated[]> = {};
  const silent: Record<string, string> = {};
  await Promise.all(
    [...packaged(asked)].map(async ([name, spec]) => {
      try {
        const { code, stdout, stderr } = await (await hostOf(spec)).run(["sh", "-c", updatesScript, "sh", ...names], {
          timeout: 60_000,
        });
        if (code !== 0) silent[name] = stderr.trim() || `it ended with status ${code}`;
        const list = parseUpdates(stdout, asked.minor);
        if (list.length > 0) outdated[name] = list;
      } catch {
        // That it cannot be reached, or does not answer in time, is found by all that is asked of it.
      }
    }),
  );
  return { outdated, silent };
}

/** Hosts on which the package's own scripts stop and start all servers of the version: there the order is not ours. */
export function restartedByPackage({ servers }: Asked, host: string): boolean {
  return servers.some((server) => server.host.name === host && server.unit !== undefined);
}

/** What an `up` installs: where the stack wants it, the package manager has it, and pgsite decides when servers restart. */
export function toUpdate(asked: Asked, outdated: Updates["outdated"]): Readonly<Record<string, readonly string[]>> {
  if (!asked.install) return {};
  return Object.fromEntries(
    Object.entries(outdated).flatMap(([host, list]) => {
      const names = list.flatMap(({ package: name, to }) => (to === undefined ? [] : [name]));
      return names.length === 0 || restartedByPackage(asked, host) ? [] : [[host, names]];
    }),
  );
}

/**
 * Installs them on all hosts at once: the servers run on as the programs of before, until the rollout restarts each in its order.
 * @throws with every host's failure, in its package manager's words; or where the new version is still older than is declared
 */
export async function installUpdates(
  asked: Asked,
  packages: Readonly<Record<string, readonly string[]>>,
  hostOf: (spec: HostSpec) => Host | Promise<Host>,
  progress: (line: string) => Promise<void>,
): Promise<void> {
  const specs = packaged(asked);
  const outcomes = await Promise.allSettled(
    Object.entries(packages).map(async ([name, list]) => {
      const spec = specs.get(name);
      if (spec === undefined) return;
      await progress(`installing ${list.join(" and ")} on ${name}: servers run on until they are restarted`);
      await managers[debian.manager]?.install(await hostOf({ ...spec, user: "root" }), list);
    }),
  );
  const failures = outcomes.flatMap((one) => (one.status === "rejected" ? [(one.reason as Error).message] : []));
  if (failures.length > 0) throw new Error(failures.join("\n"));
}
