import { type HostSpec, NotThatUser } from "../../hosts/host.js";
import type { ScheduleHosts } from "../../installed/schedule.js";
import { hostOf } from "../status/look.js";

/** A host as a schedule's user, and as root where we may be that. */
export async function scheduleHosts(spec: HostSpec): Promise<ScheduleHosts> {
  const host = await hostOf(spec);
  const root = await hostOf({ ...spec, user: "root" });
  try {
    await root.run(["true"]);
    return { host, root };
  } catch (error) {
    if (error instanceof NotThatUser) return { host };
    throw error;
  }
}
