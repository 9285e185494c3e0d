import { leftOverName } from "../../config/controlDirectory.js";
import type { Server } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { filedSettings } from "../../postgres/files/facts.js";

/** What a server is declared with: its settings, and until 11 the text of recovery.conf, where they hold none of it. */
type Declared = Pick<Server, "settings" | "upstream"> & { readonly files?: Readonly<Record<string, unknown>> };

/**
 * The file by which a standby is promoted, once it is there (trigger_file, promote_trigger_file: until 15). Undefined for a
 * primary, and where none is declared.
 */
export function triggerFileOf({ settings, files = {}, upstream }: Declared): string | undefined {
  if (upstream === undefined) return undefined;
  const recovery = files["recovery.conf"];
  const filed =
    typeof recovery === "string" ? filedSettings({ "recovery.conf": recovery }).get("trigger_file") : undefined;
  return settings.promote_trigger_file || settings.trigger_file || filed?.value || undefined;
}

/** A trigger file that is there before its standby starts would promote it at once. */
export async function leftOverTrigger(host: Host, server: Declared): Promise<string | undefined> {
  const path = triggerFileOf(server);
  return path !== undefined && (await host.stat(path)) !== undefined ? path : undefined;
}

/** Moves a left-over trigger file away. Where somebody meant it, its new name says what became of it. */
export async function disarm(host: Host, server: Declared): Promise<void> {
  const path = await leftOverTrigger(host, server);
  if (path === undefined) return;
  const { code, stderr } = await host.run(["mv", "-f", "--", path, leftOverName(path)]);
  if (code !== 0)
    throw new Error(`${path} on ${host.name} would promote the standby, and cannot be moved away: ${stderr.trim()}`);
}
