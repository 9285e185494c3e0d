import { error, type Problem } from "../postgres/problem.js";
import { usualReplicationRole } from "../postgres/replicating.js";
import type { Major } from "../postgres/versions.js";
import { unknownName } from "./references.js";
import type { StackDescription } from "./schema.js";

/*
 * A stack whose database exists once (`standalone`): no second server in it, and nothing that is for servers that follow one.
 */

/** The role that standbys connect as. Nobody connects to a standalone server as one: there is none, and none is made. */
export function replicationRoleOf(
  { standalone, replicationRole, administrator }: StackDescription,
  version: Major,
): string {
  return standalone === undefined ? (replicationRole ?? usualReplicationRole(version, administrator)) : administrator;
}

/** What says that there is, or may be, a second server, in a stack that has one alone. */
export function checkStandalone(description: StackDescription): Problem[] {
  const { standalone, primary, servers } = description;
  if (standalone === undefined) return [];
  const others = Object.keys(servers).filter((name) => name !== standalone);
  const remedy = `declare primary: ${standalone} in place of standalone, if the database may have a second server`;
  const alone = `${standalone} is standalone: this database exists once`;
  const following: readonly (readonly [string, boolean])[] = [
    ["upstream", description.upstream !== undefined],
    ["mirrors", description.mirrors.length > 0],
    ["mirrorStacks", description.mirrorStacks.length > 0],
    ["synchronous", description.synchronous !== undefined],
    ["replicationRole", description.replicationRole !== undefined],
    ["hooks.fence", description.hooks.fence !== undefined],
  ];
  return [
    ...unknownName("server", "standalone", standalone, Object.keys(servers)),
    ...(primary === standalone || primary === undefined
      ? []
      : [error("primary", `is ${primary}, and standalone names ${standalone}: one of them alone can be said`)]),
    ...others.map((name) =>
      error(
        `servers.${name}`,
        `${alone}, and ${name} would be a second instance of it: take ${name} out, or ${remedy}`,
      ),
    ),
    ...following.flatMap(([key, isSaid]) =>
      isSaid ? [error(key, `${alone}, and nothing follows it: take ${key} out, or ${remedy}`)] : [],
    ),
    ...(servers[standalone]?.upstream === undefined
      ? []
      : [error(`servers.${standalone}.upstream`, `${alone}, and it follows nobody: take it out`)]),
    ...(servers[standalone]?.role === "mirror"
      ? [error(`servers.${standalone}.role`, `${alone}, and is no mirror: take it out`)]
      : []),
    ...(servers[standalone]?.lost === true
      ? [error(`servers.${standalone}.lost`, `${alone}: where it is lost, no other can take over`)]
      : []),
  ];
}
