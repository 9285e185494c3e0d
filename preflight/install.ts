import type { HostSpec } from "../hosts/host.js";
import type { HostOf } from "./collect.js";
import type { HostFacts } from "./facts.js";
import type { PreflightReport } from "./index.js";
import { familyOf } from "./packages/families.js";
import { managers } from "./packages/manager.js";

/**
 * Installs what a report says is missing, as root, on all hosts at once. One that fails does not stop the others.
 * @throws with every host's failure
 */
export async function installPackages(
  report: PreflightReport,
  hostOf: HostOf,
  progress: (line: string) => Promise<void> | void = () => undefined,
): Promise<void> {
  const hosts = report.observations.flatMap((one) => ("facts" in one ? [one] : []));
  const outcomes = await Promise.allSettled(
    hosts.map(async ({ host, facts }) => {
      const packages = report.packages[host.name] ?? [];
      if (packages.length === 0) return;
      await progress(`installing ${packages.join(" and ")} on ${host.name}`);
      await installOn(host, facts, packages, hostOf);
    }),
  );
  const failures = outcomes.flatMap((one) => (one.status === "rejected" ? [one.reason as Error] : []));
  if (failures.length > 0) throw new Error(failures.map(({ message }) => message).join("\n"));
}

async function installOn(host: HostSpec, facts: HostFacts, packages: readonly string[], hostOf: HostOf): Promise<void> {
  const family = familyOf(facts);
  const manager = family === undefined ? undefined : managers[family.manager];
  if (manager === undefined) throw new Error(`${host.name} has no package manager that pgsite can use`);
  await manager.install(await hostOf({ ...host, user: "root" }), packages);
}
