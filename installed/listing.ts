import { hashOf, shortOf } from "../hosts/digest.js";
import { permissionsOf } from "../hosts/permissions.js";

/** What tells one file from another, without its content. */
export interface FileFacts {
  /** `0600 postgres` */
  readonly permissions: string;
  readonly hash: string;
}

/** Files in a folder by their names. */
export type Listing = ReadonlyMap<string, FileFacts>;

/** How a file differs from the one that is declared. */
export type FileDifference =
  | { readonly kind: "missing"; readonly name: string }
  | { readonly kind: "content"; readonly name: string }
  /** With or without another content. */
  | { readonly kind: "permissions"; readonly name: string; readonly is: string; readonly shall: string };

export function factsOf(status: { readonly mode: number; readonly owner: string }, content: string): FileFacts {
  return { permissions: permissionsOf(status), hash: hashOf(content) };
}

/** Of a file whose SHA-256 is known. */
export function hashedFactsOf(status: { readonly mode: number; readonly owner: string }, sha256: string): FileFacts {
  return { permissions: permissionsOf(status), hash: shortOf(sha256) };
}

/** At most one difference a file, in the order of the declared ones. */
export function compare(shall: Listing, is: Listing): readonly FileDifference[] {
  return [...shall].flatMap(([name, wanted]): FileDifference[] => {
    const found = is.get(name);
    if (found === undefined) return [{ kind: "missing", name }];
    if (found.permissions !== wanted.permissions)
      return [{ kind: "permissions", name, is: found.permissions, shall: wanted.permissions }];
    return found.hash === wanted.hash ? [] : [{ kind: "content", name }];
  });
}

/** As states keep it, a line a file: `failover: 0700 postgres 3f2a…`. */
export function listingText(listing: Listing): string {
  return [...listing]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, { permissions, hash }]) => `${name}: ${permissions} ${hash}`)
    .join("\n");
}

export function parseListing(text: string): Listing {
  return new Map(
    text.split("\n").flatMap((line) => {
      const [, name, permissions, hash] = /^(.*): (\S+ \S+) (\S+)$/.exec(line) ?? [];
      return name === undefined || permissions === undefined || hash === undefined
        ? []
        : [[name, { permissions, hash }] as const];
    }),
  );
}
