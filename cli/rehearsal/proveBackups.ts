import type { Server } from "../../config/site.js";
import { backup } from "../../servers/backups/backup.js";
import { drill } from "../../servers/backups/drill.js";
import { backupOutcomeInWords } from "../../servers/words/backup.js";
import { drillOutcomeInWords } from "../../servers/words/backups.js";
import type { LoadedSite } from "../load.js";

/**
 * Makes a backup of the primary and restores it, as the stack's schedules do.
 * @param say what came of each, in words @throws where one fails
 */
export async function proveBackups(sites: readonly LoadedSite[], say: (line: string) => void): Promise<void> {
  for (const { site, signal } of sites) {
    const { backups } = site;
    const named = (name: string | undefined) => site.servers.find((server) => server.name === name);
    const maker = backups?.role === "any" ? named(Object.keys(backups.folders)[0]) : named(site.primary);
    if (backups === undefined || maker === undefined) continue;
    const report = () => undefined;
    const made = await backup(maker, { signal, report });
    if (made.code !== "good") throw new Error(`a backup of ${maker.name}: ${backupOutcomeInWords(made)}`);
    say(`a backup of ${maker.name}: ${backupOutcomeInWords(made)}`);
    const trier: Server = named(backups.drill?.server) ?? maker;
    const tried = await drill(trier, { run: made.run }, { signal, report });
    if (tried.code !== "equal") throw new Error(`its drill on ${trier.name}: ${drillOutcomeInWords(tried)}`);
    say(`restored beside ${trier.name}, ${drillOutcomeInWords(tried)}`);
  }
}
