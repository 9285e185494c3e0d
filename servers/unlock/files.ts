import type { Directories } from "../../config/controlDirectory.js";
import type { Host } from "../../hosts/host.js";
import { autoFile, filedSettings, settingFiles } from "../../postgres/files/facts.js";
import { fileOf } from "../../postgres/files/places.js";
import { quoteValue } from "../../postgres/files/postgresqlConf.js";
import { findSetting } from "../../postgres/settings/catalogue.js";
import { wayInSettings } from "../../postgres/settings/wayIn.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { forgetStandIns } from "../data/adopted.js";
import { readServerFiles } from "../data/countedFiles.js";
import { type Files, writeServerFile } from "../data/staging.js";

type Place = Directories & { readonly version: Major };

const rulesFile = "pg_hba.conf";

/**
 * Installs the declared rules.
 * @param inTheWay the rules themselves keep pgsite out: hand-written ones that stand for the declared ones do not do then
 * @returns whether they were other ones
 */
export async function installRules(host: Host, server: Place, files: Files, inTheWay: boolean): Promise<boolean> {
  const declared = files[rulesFile];
  if (declared === undefined) return false;
  const { files: there, standIns } = await readServerFiles(host, server, [rulesFile]);
  const stands = standIns?.files[rulesFile] !== undefined;
  if (there[rulesFile] === declared && !(stands && inTheWay)) return false;
  if (standIns !== undefined) await forgetStandIns(host, server, [rulesFile]);
  await writeServerFile(host, server, rulesFile, declared);
  return true;
}

/**
 * Gives the settings that decide who comes in their declared values, as the last lines of the file that is read last. All else
 * waits for the rollout, which installs the whole files.
 * @returns whether any was another
 */
export async function installWayIn(host: Host, server: Place, files: Files): Promise<boolean> {
  const names = settingFiles.filter((name) => name in files);
  const { files: there, standIns } = await readServerFiles(host, server, names);
  const [is, shall] = [filedSettings(there), filedSettings(files)];
  const wrong = wayInSettings(server.version).filter((name) => is.get(name)?.value !== shall.get(name)?.value);
  if (wrong.length === 0) return false;
  const last = atLeast(server.version, "9.4") ? autoFile : "postgresql.conf";
  const lines = wrong.map((name) => {
    const value = shall.get(name)?.value ?? findSetting(server.version, name)?.default ?? "";
    return `${name} = ${quoteValue(value)}`;
  });
  if (standIns !== undefined) await forgetStandIns(host, server, [last]);
  const before = (await host.readFile(fileOf(server, last)))?.toString("utf8") ?? "";
  const whole = before === "" || before.endsWith("\n") ? before : `${before}\n`;
  await writeServerFile(host, server, last, `${whole}${lines.join("\n")}\n`);
  return true;
}
