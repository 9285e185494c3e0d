import type { UpgradePlan } from "../../postgres/upgrade/model.js";
import { systemIdentifierIn } from "../data/dataDirectory.js";
import type { Context } from "../rollout/reporter.js";
import { newLooks } from "../status/look.js";
import type { Journal } from "./journal.js";
import { foldersOfOld } from "./oldPrograms.js";
import { setAside } from "./standbys.js";
import type { UpgradeArgs } from "./state.js";

/** Sets aside what a stack that mirrors has of the old version: its upstream has the new one, and its servers are seeded from there. */
export async function setMirrorsAside(context: Context, args: UpgradeArgs, plan: UpgradePlan): Promise<void> {
  const lookAt = newLooks();
  for (const name of plan.standbys) {
    const server = args.servers[name];
    if (server === undefined) continue;
    const look = await lookAt(server);
    const [control, process] = await Promise.all([look.control(), look.process()]);
    if (control === undefined) continue;
    const asked = { from: plan.from, to: plan.to, declared: server.binDirectory };
    const [old = server.binDirectory] = await foldersOfOld(look.host, process, asked);
    await context.progress(`setting aside the data of ${plan.from} on ${name}`);
    await setAside(server, {
      ...{ site: args.site, server: name, role: "standby", phase: "stopped" },
      ...{ from: plan.from, to: plan.to, way: plan.way, keepsRollback: plan.keepsRollback },
      systemIdentifiers: { old: systemIdentifierIn(control) },
      programs: { old, new: server.binDirectory },
      // Of a standby nobody asks these.
      ...{ installUser: "", times: {}, tablespaces: [], settings: {}, slots: 0, after: [], standbys: [] },
    } satisfies Journal);
  }
}
