import type { Server } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { floorsOf } from "../../postgres/settings/floors.js";
import { recordedFloors } from "../../postgres/wal/controlFile.js";
import { readControlFile } from "../data/controlFile.js";

/**
 * Settings in which a standby's data ask for more than these settings give: it would not start hot. In words, such as
 * `max_connections 50`; none where its control file cannot be understood.
 */
export async function missingFloors(
  host: Host,
  { version, dataDirectory }: Pick<Server, "version" | "dataDirectory">,
  settings: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const control = await readControlFile(host, dataDirectory);
  const recorded = control === undefined ? undefined : recordedFloors(version, control);
  const given = floorsOf(version, settings);
  return Object.entries(recorded ?? {})
    .filter(([name, floor]) => (given[name] ?? 0) < floor)
    .map(([name, floor]) => `${name} ${floor}`);
}
