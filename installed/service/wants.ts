import type { Host } from "../../hosts/host.js";
import { must } from "../must.js";
import type { ServiceFacts } from "./facts.js";

export async function isWanted(host: Host, name: string): Promise<boolean> {
  const wants = await host.list("/etc/systemd/system/multi-user.target.wants");
  return wants?.includes(`${name}.service`) === true;
}

/** Once unit files have changed or gone. */
export async function reloadUnits(root: Host): Promise<void> {
  await must(root, ["systemctl", "daemon-reload"]);
}

/** What systemd is to want for a server to start: of Debian's clusters, what starts all whose start.conf says so. */
function wantedOf({ name, unit, startConf }: ServiceFacts): string {
  return startConf === true ? "postgresql" : (unit ?? name);
}

/** systemd: a target wants a unit. */
export const byWants = {
  isEnabled: (host: Host, facts: ServiceFacts) => isWanted(host, wantedOf(facts)),

  async enable(root: Host, facts: ServiceFacts): Promise<void> {
    await reloadUnits(root);
    await must(root, ["systemctl", "enable", `${wantedOf(facts)}.service`]);
  },

  async disable(root: Host, facts: ServiceFacts): Promise<void> {
    // Other clusters start by the same unit.
    if (facts.startConf !== true) await must(root, ["systemctl", "disable", `${wantedOf(facts)}.service`]);
  },
};
