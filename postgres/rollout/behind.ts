import type { Behind } from "./diverged.js";
import type { LostServers, Refusal } from "./model.js";
import { type Actual, type Desired, followsOver } from "./promotion.js";

/**
 * Servers that are merely behind on a timeline that their primary left, of versions that do not follow over the line: they are
 * seeded again, one after the other, where the stack allows it. Pure.
 */

/** Who may have his data replaced by the primary's. */
export interface SeedingAllowed {
  /** Those that the stack names (`servers.NAME.seedAgain`). */
  readonly servers?: readonly string[];
  /** Where one is lost, all that are left may be. */
  readonly lost?: LostServers;
}

export function maySeed(server: string, { servers = [], lost = {} }: SeedingAllowed): boolean {
  return Object.keys(lost).length > 0 || servers.includes(server);
}

/** Servers that a takeover leaves behind; those that have more than the one that takes over are not merely that. */
export function leftBehindBy(
  { to }: { readonly to: string },
  actual: Actual,
  desired: Desired,
  ahead: readonly string[] = [],
): readonly string[] {
  return Object.keys(desired)
    .filter((name) => {
      const is = actual[name];
      if (name === to || is?.data !== true || ahead.includes(name)) return false;
      return !followsOver(desired[name]?.version ?? "18") && is.rejoin === undefined && is.diverged === undefined;
    })
    .sort();
}

/** The servers as a takeover leaves them, with how each of those that are left behind is seeded again. */
export function afterTakeover(next: Actual, to: string, behind: readonly string[]): Actual {
  return Object.fromEntries(
    Object.entries(next).map(([name, server]) => {
      if (!behind.includes(name)) return [name, server];
      const { behind: known } = server;
      return [name, { ...server, behind: known?.primary === to ? known : byEverything(to) }];
    }),
  );
}

/** Nothing is known of the two hosts: a base backup always goes. */
function byEverything(primary: string): Behind {
  return { primary, way: "base backup", instead: [] };
}

/** Why servers are not seeded again as things are. @param asked those of which the word is asked elsewhere */
export function refuseSeeding(
  actual: Actual,
  desired: Desired,
  allowed: SeedingAllowed,
  asked: readonly string[] = [],
): readonly Refusal[] {
  return Object.keys(desired)
    .sort()
    .flatMap((server): readonly Refusal[] => {
      const behind = actual[server]?.behind;
      if (behind === undefined || desired[server]?.role === "primary") return [];
      const { refusal: why, primary } = behind;
      if (why !== undefined) return [{ code: "cannotSeed", server, primary, why }];
      if (maySeed(server, allowed) || asked.includes(server)) return [];
      return [{ code: "seedNotAllowed", server, behind }];
    });
}

/** The servers as they are planned for: one that is to be seeded again is a stopped standby. */
export function beforeSeeding(actual: Actual): Actual {
  return Object.fromEntries(
    Object.entries(actual).map(([name, server]) => {
      if (server.behind === undefined) return [name, server];
      const { follows: _follows, filed: _filed, pending: _pending, ...rest } = server;
      return [name, { ...rest, running: false, inRecovery: true }];
    }),
  );
}
