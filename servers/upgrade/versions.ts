import { isLostServer } from "../../hosts/lost.js";
import type { LookAt } from "../status/look.js";
import type { UpgradeArgs, UpgradeState } from "./state.js";

/** By server: the major version of its data, as PG_VERSION says it; those without data, and those that cannot be asked, are left out. */
export async function versionsFound(
  servers: UpgradeArgs["servers"],
  lookAt: LookAt,
): Promise<UpgradeState["versions"]> {
  const found = await Promise.all(
    Object.entries(servers).map(async ([name, server]): Promise<readonly (readonly [string, string])[]> => {
      if (server.lost !== undefined || isLostServer(name)) return [];
      try {
        const version = await (await lookAt(server)).version();
        return version === undefined || version === "" ? [] : [[name, version]];
      } catch {
        // Its other resources say that it cannot be asked.
        return [];
      }
    }),
  );
  return Object.fromEntries(found.flat());
}

/** Names of servers whose data have another version than is declared. */
export function othersThan(version: string, versions: UpgradeState["versions"]): readonly string[] {
  return Object.keys(versions)
    .filter((name) => versions[name] !== version)
    .sort();
}
