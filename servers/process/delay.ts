import type { KnownServer } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { filedSettings, settingFiles } from "../../postgres/files/facts.js";
import { parseInteger } from "../../postgres/settings/quantities.js";
import { readServerFiles } from "../data/countedFiles.js";

/**
 * Whether a standby is to replay later than it receives (recovery_min_apply_delay, 9.4 and later), by the files on its host: what
 * is declared may not be in force yet.
 */
export async function isDelayed(host: Host, server: KnownServer): Promise<boolean> {
  const { files } = await readServerFiles(host, server, settingFiles);
  const value = filedSettings(files).get("recovery_min_apply_delay")?.value;
  const parsed = value === undefined ? undefined : parseInteger(server.version, "ms", value);
  return parsed?.ok === true && parsed.value > 0;
}
