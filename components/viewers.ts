import type * as pulumi from "@pulumi/pulumi";
import type { Viewers } from "../config/viewers.js";
import { WebViewers } from "../provider/sdk/index.js";

/** The site's web viewers, once the rollout has made the primary what it is: their links lead to it in the same `up`. */
export function keepViewers(
  viewers: Viewers,
  passwordOf: (role: string) => pulumi.Output<string>,
  rollout: pulumi.Resource,
  parent: pulumi.Resource,
): WebViewers {
  const roles = [...new Set(viewers.configurations.flatMap(({ role }) => role ?? []))].sort();
  const passwords = Object.fromEntries(roles.map((role) => [role, passwordOf(role)]));
  return new WebViewers(`${viewers.site}-viewers`, { viewers, passwords }, { parent, dependsOn: rollout });
}
