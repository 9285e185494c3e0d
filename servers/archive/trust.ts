import { controlPath } from "../../config/controlDirectory.js";
import type { Server } from "../../config/site.js";
import { type Tablespace, tablespaceOf } from "../baseBackup/target.js";
import { ArchiveRefused, type Manifest } from "./manifest.js";

/** What the operator says of an archive, since it can say nothing of itself that whoever carried it could not have written. */
export interface Trust {
  /** SHA-256 of its manifest, as `archive create` said it where it was made. */
  readonly sha256?: string;
  /** Vouches for everybody who had the archive in hands. */
  readonly carrier?: boolean;
  /** Location of a tablespace at the source → where it goes here. */
  readonly tablespaces?: ReadonlyMap<string, string>;
}

/** @throws ArchiveRefused where nobody vouches for the archive, or it is not the one that was made */
export function refuseUnproven(sha256: string, trust: Trust, where: string): void {
  if (trust.sha256 !== undefined) {
    if (trust.sha256 === sha256) return;
    throw new ArchiveRefused(
      `the archive ${where} is not the one that was made: its manifest has the SHA-256 ${sha256}, and --sha256 says ${trust.sha256}. Carry it again, and find out who changed it`,
    );
  }
  if (trust.carrier === true) return;
  throw new ArchiveRefused(
    `the archive ${where} may be anybody's, and a server runs what its data say: give the SHA-256 that pgsite archive create printed where it was made (--sha256; pgsite archive verify prints it there again), brought on another way than the archive, or vouch for everybody who carried it (--trust-carrier)`,
  );
}

/**
 * Where the tablespaces go: on the machine that the archive was made on into the control directory, else where the operator
 * said, and nowhere else. @throws ArchiveRefused
 */
export function tablespacesOf(
  manifest: Manifest,
  machine: string,
  server: Server,
  asked: ReadonlyMap<string, string> = new Map(),
): readonly Tablespace[] {
  const { name, dataDirectory, controlDirectory } = server;
  const locations = manifest.tablespaces.map(({ location }) => location);
  const unknown = [...asked.keys()].filter((location) => !locations.includes(location));
  if (unknown.length > 0) {
    const has = locations.length === 0 ? "none" : locations.join(", ");
    throw new ArchiveRefused(`the archive has no tablespace in ${unknown.join(" and ")}: it has ${has} (--tablespace)`);
  }
  const together = manifest.source.machine === machine;
  const placed = manifest.tablespaces.map(({ oid, location }) => {
    const to = asked.get(location);
    return to === undefined ? tablespaceOf(oid, location, together, server) : { oid, location, to };
  });
  const missing = together ? [] : locations.filter((location) => !asked.has(location));
  if (missing.length > 0) {
    const words = missing.map((location) => `--tablespace ${location}`).join(" ");
    throw new ArchiveRefused(
      `the archive has tablespaces, and nobody said where they go for ${name}: ${words} for the same folders here (empty or missing), or --tablespace LOCATION=FOLDER for others`,
    );
  }
  for (const { to } of placed) {
    const own = to.startsWith(`${controlPath({ controlDirectory }, "tablespaces")}/`);
    const others = placed.map((one) => one.to);
    const overlaps = [dataDirectory, ...(own ? [] : [controlDirectory])].some((folder) => nested(folder, to));
    if (overlaps || others.filter((other) => nested(other, to)).length > 1) {
      throw new ArchiveRefused(`${to} cannot take a tablespace of ${name}: its data, or another tablespace, lie there`);
    }
  }
  return placed;
}

function nested(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) => (path === "/" ? path : `${path}/`)) as [string, string];
  return a.startsWith(b) || b.startsWith(a);
}
