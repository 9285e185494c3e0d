import { atLeast, majorOf } from "../versions.js";
import type { MoveFacts, MoveObstacle, MoveRefusal, MoveWay, MoveWish } from "./model.js";

/**
 * Why data are of no use at another place as files: these are good only for the same architecture and build, and in the order that
 * the same collation library gives to texts. By dump and restore neither matters.
 */
export function obstaclesTo({ from, to, differs, ordered }: Pick<MoveFacts, "from" | "to" | "differs" | "ordered">) {
  const found: MoveObstacle[] = [];
  if (from.machine !== to.machine) found.push({ code: "architecture", from: from.machine, to: to.machine });
  if (differs.length > 0) found.push({ code: "build", differs });
  const named = (by: "libc" | "icu") => ordered.filter((one) => one.by === by).map(({ name }) => name);
  for (const by of ["libc", "icu"] as const) {
    const databases = named(by);
    if (databases.length === 0 || from[by] === to[by]) continue;
    found.push({ code: "collation", by, from: from[by], to: to[by], databases });
  }
  // One version of a C library may have other locales with another distribution.
  const databases = named("libc");
  if (from.libc === to.libc && from.system !== to.system && databases.length > 0) {
    found.push({ code: "collation", by: "system", from: from.system, to: to.system, databases });
  }
  return found;
}

/**
 * How it goes. `accepted`: the administrator's word for another order of texts, who makes the indexes anew himself.
 * @param renames whether the folder can be renamed into its new place
 */
export function wayFor(
  obstacles: readonly MoveObstacle[],
  { wish, accepted, renames }: { readonly wish: MoveWish; readonly accepted: boolean; readonly renames: boolean },
): { readonly way: MoveWay; readonly standing: readonly MoveObstacle[] } {
  const standing = obstacles.filter(({ code }) => !(accepted && code === "collation"));
  if (wish === "dump" || (wish === "auto" && standing.length > 0)) return { way: "dump", standing: [] };
  return { way: renames ? "rename" : "archive", standing };
}

/** What is in the way of a move, whose way has been chosen. */
export function judgeMove(facts: MoveFacts, standing: readonly MoveObstacle[]): readonly MoveRefusal[] {
  const { to, version, way, apart, oneHost, dump } = facts;
  const found: MoveRefusal[] = standing.map((obstacle) => ({ code: "no files", obstacle }));
  const major = majorOf(to.programs);
  if (major !== version) {
    const older = major !== undefined && !atLeast(major, version);
    found.push({ code: "version", from: version, to: to.programs, older });
  }
  // What stays where it is would be used by both.
  if (way !== "rename" && oneHost && apart.length > 0) {
    found.push({ code: "shared tablespaces", paths: apart.map(({ leadsTo }) => leadsTo) });
  }
  if (dump === undefined) return found;
  const { closed, subscriptions, cluster } = dump;
  if (closed.length > 0) found.push({ code: "closed databases", databases: closed });
  if (subscriptions.length > 0) found.push({ code: "subscriptions", names: subscriptions });
  if (cluster.preparedTransactions > 0) {
    found.push({ code: "prepared transactions", count: cluster.preparedTransactions });
  }
  return found;
}
