import type { Manager } from "../../config/schema/service.js";
import type { Host } from "../../hosts/host.js";
import { byCrontab } from "./byCrontab.js";
import type { ServiceFacts } from "./facts.js";
import { byRunLevels } from "./runLevels.js";
import { readStartMode, type StartMode, setStartMode } from "./startConf.js";
import { byWants } from "./wants.js";

/** What starts services with their machine. Whoever changes something acts as root, or for a crontab as the OS user. */
interface Starter {
  /** Whether a service starts, in the declared run levels and no other. */
  isEnabled(host: Host, facts: ServiceFacts): Promise<boolean>;
  enable(host: Host, facts: ServiceFacts): Promise<unknown>;
  disable(host: Host, facts: ServiceFacts): Promise<unknown>;
}

const starters: Readonly<Record<Exclude<Manager, "none">, Starter>> = {
  systemd: byWants,
  sysv: byRunLevels,
  crontab: byCrontab,
};

export async function isEnabledAtBoot(host: Host, manager: Manager, facts: ServiceFacts): Promise<boolean> {
  if (manager === "none") return false;
  const folder = clusterFolder(facts);
  const [isEnabled, mode] = await Promise.all([
    starters[manager].isEnabled(host, facts),
    folder === undefined ? undefined : readStartMode(host, folder),
  ]);
  return isEnabled && (mode === undefined || mode === startModeBy(manager));
}

/** The service is not started. */
export async function enableAtBoot(host: Host, manager: Manager, facts: ServiceFacts): Promise<void> {
  if (manager === "none") return;
  await setMode(host, facts, startModeBy(manager));
  await starters[manager].enable(host, facts);
}

export async function disableAtBoot(host: Host, manager: Manager, facts: ServiceFacts): Promise<void> {
  if (manager === "none") return;
  await setMode(host, facts, "manual");
  await starters[manager].disable(host, facts);
}

/** Debian's init script knows no guard, so that a script of pgsite's starts the server in its place: by System V or by cron. */
function startModeBy(manager: Manager): StartMode {
  return manager === "systemd" ? "auto" : "manual";
}

async function setMode(host: Host, facts: ServiceFacts, mode: StartMode): Promise<void> {
  const folder = clusterFolder(facts);
  if (folder !== undefined) await setStartMode(host, facts.user, folder, mode);
}

/** Where a cluster of Debian's has its start.conf; undefined for any other server. */
function clusterFolder({ startConf, configurationDirectory }: ServiceFacts): string | undefined {
  return startConf === true ? configurationDirectory : undefined;
}
