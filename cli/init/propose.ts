import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import prettyBytes from "pretty-bytes";
import { type LayoutName, programsIn } from "../../config/layouts.js";
import { type Major, majorOf, majors } from "../../postgres/versions.js";
import { unfitFor } from "../../preflight/fileSystems.js";
import { familyOf } from "../../preflight/packages/families.js";
import type { Survey } from "../../preflight/survey/facts.js";

/** What init proposes of what it found. Pure: who is asked, and how, is said elsewhere. */

/** A folder for a server's data, with what speaks for it. */
export interface DataPlace {
  readonly dataDirectory: string;
  /** Bytes; undefined where the host was not seen, or the folder is still to be made by a package. */
  readonly free?: number;
  /** Whether the OS user can make it; if not, somebody who is root must. */
  readonly open: boolean;
}

/** Major versions of which every host that was seen has programs, newest first. */
export function versionsOn(seen: readonly Survey[]): readonly Major[] {
  const sets = seen.map(({ programs }) => new Set(programs.map(({ version }) => majorOf(version))));
  return sets.length === 0 ? [] : [...majors].filter((major) => sets.every((set) => set.has(major))).reverse();
}

/** The folder of a host's programs of a version; the distribution's own before any other. */
export function programsOf({ programs, system }: Survey, version: Major) {
  const all = programs.filter((found) => majorOf(found.version) === version);
  const usual = familyOf({ system })?.binDirectory(version);
  return all.find(({ folder }) => folder === usual) ?? all[0];
}

/** The distribution's layout that new servers could have on every host, beside clusters that are there; undefined if none. */
export function layoutOn(seen: readonly Survey[], version: Major): LayoutName | undefined {
  const fits = (host: Survey) =>
    host.clusterTools &&
    host.notAsRoot === undefined &&
    programsOf(host, version)?.folder === programsIn("debian", version);
  return seen.length > 0 && seen.every(fits) ? "debian" : undefined;
}

/** The first port, from PostgreSQL's own on, that no host uses and no cluster on them is set up for. */
export function freePort(seen: readonly Survey[]): number {
  const taken = new Set(
    seen.flatMap(({ listens, clusters }) => [...listens, ...clusters.flatMap(({ port }) => port ?? [])]),
  );
  let port = 5432;
  while (taken.has(port)) port++;
  return port;
}

/** Another disk is proposed before the distribution's folder only with so many times its room. */
const muchMore = 2;

/** Folders for a new server's data on a host, the proposed one first. */
export function dataPlaces(host: Survey, site: string, version: Major): readonly DataPlace[] {
  const home = familyOf(host)?.home;
  const found = host.folders
    .filter(({ path, type }) => unfitFor(type) === undefined && (path !== "/srv" || home === undefined))
    .map(({ path, free, open, mount }) => ({ dataDirectory: below(path, site, version), free, open, mount, path }));
  const usable = found.filter(({ open }) => open || host.notAsRoot === undefined);
  const own = usable.find(({ path }) => path === home);
  const sorted = [...usable].sort((one, other) => other.free - one.free);
  const roomiest = sorted.find(
    ({ mount, free }) => own === undefined || (mount !== own.mount && free > muchMore * own.free),
  );
  const first = roomiest ?? own;
  const rest = sorted.filter((one) => one !== first && (one.mount !== first?.mount || one.path === home));
  const places = first === undefined ? [] : [first, ...rest];
  if (places.length > 0) return places.map(({ dataDirectory, free, open }) => ({ dataDirectory, free, open }));
  return [{ dataDirectory: below(home ?? "/srv/postgresql", site, version), open: false }];
}

/** Beside the distribution's clusters as these lie; elsewhere by the site's name. */
function below(folder: string, site: string, version: Major): string {
  if (folder.startsWith("/var/lib/")) return `${folder}/${version}/${site}`;
  return folder.endsWith("/postgresql") ? `${folder}/${site}` : `${folder === "/" ? "" : folder}/postgresql/${site}`;
}

/** What a host is for PostgreSQL and access rules: an address of its own, where what was given is none. */
export interface Addressed {
  readonly address: string;
  /** Others that it has. */
  readonly others: readonly string[];
  /** Whether the host itself has what was given: not behind a translation of addresses. */
  readonly own: boolean;
}

/** @param resolved what the given name resolves to from here @param peers addresses of the other hosts */
export function addressOf(
  given: string,
  resolved: readonly string[],
  host: Survey | undefined,
  peers: readonly Survey[],
): Addressed {
  const own = host?.addresses.map(({ address }) => address) ?? [];
  const known = isIP(given) === 0 ? resolved : [given];
  const same = known.find((address) => own.includes(address));
  if (same !== undefined) return { address: same, others: own.filter((one) => one !== same), own: true };
  if (isIP(given) !== 0 || own.length === 0) return { address: given, others: own, own: own.length === 0 };
  const shared = host?.addresses.find(({ address, prefix }) =>
    peers.some((peer) => peer.addresses.some((other) => sameNetwork(address, prefix, other.address))),
  );
  const best = shared?.address ?? own.find((address) => isIP(address) === 4) ?? (own[0] as string);
  return { address: best, others: own.filter((one) => one !== best), own: true };
}

function sameNetwork(address: string, prefix: number | undefined, other: string): boolean {
  if (prefix === undefined || isIP(address) !== isIP(other)) return false;
  return (ipaddr.parse(other) as ipaddr.IPv4).match(ipaddr.parse(address) as ipaddr.IPv4, prefix);
}

/** The network of an address, as an access rule has it. */
export function networkOf(address: string, prefix: number | undefined): string {
  const parsed = ipaddr.parse(address);
  const length = prefix ?? (parsed.kind() === "ipv4" ? 24 : 64);
  const kind = parsed.kind() === "ipv4" ? ipaddr.IPv4 : ipaddr.IPv6;
  return `${kind.networkAddressFromCIDR(`${address}/${length}`)}/${length}`;
}

/** One line of what a host is and has. */
export function described(host: Survey, version: Major | undefined): string {
  const programs = host.programs.map((found) => `PostgreSQL ${found.version} in ${found.folder}`);
  const missing = version !== undefined && programsOf(host, version) === undefined ? [`no PostgreSQL ${version}`] : [];
  const room = [...new Map(host.folders.map((folder) => [folder.mount, folder])).values()].map(
    ({ mount, free }) => `${prettyBytes(free)} free on ${mount}`,
  );
  const who = `as ${host.user}`;
  return [
    host.system.name,
    who,
    ...(programs.length > 0 ? programs : missing),
    ...(programs.length > 0 ? missing : []),
    ...room,
  ].join(", ");
}
