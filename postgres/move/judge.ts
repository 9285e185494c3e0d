import { atLeast, majorOf } from "../versions.js";
import type { MoveFacts, MoveRefusal } from "./model.js";

/**
 * Whether data can go to another place as files: they are good only for the same architecture, major version and build. Another
 * collation library sorts otherwise, so that indexes are wrong until they are made anew: that takes the administrator's word.
 */
export function judgeMove(facts: MoveFacts, accepted: { readonly collation: boolean }): readonly MoveRefusal[] {
  const { from, to, version, differs, way, apart, oneHost } = facts;
  const found: MoveRefusal[] = [];
  if (from.machine !== to.machine) found.push({ code: "architecture", from: from.machine, to: to.machine });
  const major = majorOf(to.programs);
  if (major !== version) {
    const older = major !== undefined && !atLeast(major, version);
    found.push({ code: "version", from: version, to: to.programs, older });
  } else if (differs.length > 0) found.push({ code: "build", differs });
  found.push(...(accepted.collation ? [] : collations(facts)));
  // What stays where it is would be used by both copies.
  if (way === "archive" && oneHost && apart.length > 0) {
    found.push({ code: "shared tablespaces", paths: apart.map(({ leadsTo }) => leadsTo) });
  }
  return found;
}

/** What of the order of texts is of another library there. */
export function collations({ from, to, ordered }: MoveFacts): readonly Extract<MoveRefusal, { code: "collation" }>[] {
  return (["libc", "icu"] as const).flatMap((by) => {
    const databases = ordered.filter((one) => one.by === by).map(({ name }) => name);
    if (databases.length === 0 || from[by] === to[by]) return [];
    return [{ code: "collation" as const, by, from: from[by], to: to[by], databases }];
  });
}
