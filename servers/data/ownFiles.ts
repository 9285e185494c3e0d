import type { KnownServer, Server } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { type Folders, fileOf, placeSettings } from "../../postgres/files/places.js";
import { renderConfiguration } from "../../postgres/files/postgresqlConf.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { writeServerFile } from "./staging.js";

/** An access file that lets nobody in: better than initdb's until the declared one stands. */
const letsNobodyIn = "# Lets nobody in until pgsite installs the declared rules.\nlocal all all reject\n";

/** What takes the place of initdb's pg_ident.conf, which has nothing but comments either. */
const mapsNobody = "# PostgreSQL User Name Maps: MAPNAME SYSTEM-USERNAME PG-USERNAME\n";

const minimalText = "# Minimal, until pgsite installs the declared configuration.\nhot_standby = off\n";

/** Writes the configuration that the stack declares for a data directory that is being filled. */
export async function writeDeclaredFiles(host: Host, server: Folders & Pick<Server, "files">): Promise<void> {
  const files = { "pg_hba.conf": letsNobodyIn, ...server.files };
  await takeConfigurationFolder(host, server);
  const write = async ([name, content]: [string, string | null]) => {
    if (content !== null) await writeServerFile(host, server, name, content);
  };
  await Promise.all(Object.entries(files).map(write));
}

/** Makes the folder of a server's configuration, with the file that maps names, if that is not its data directory. */
async function takeConfigurationFolder(host: Host, server: Folders): Promise<void> {
  const { configurationDirectory: folder } = server;
  if (folder === undefined) return;
  await host.makeDirectory(folder, 0o755).catch((error: Error) => {
    const made = `install -d -o ${host.user} -m 0755 ${folder}`;
    throw new Error(`${folder} on ${host.name} cannot be made (${error.message}): make it as root (${made})`);
  });
  const status = await host.stat(folder);
  if (status?.owner !== host.user) {
    throw new Error(
      `${folder} on ${host.name} belongs to ${status?.owner}, and pgsite writes there as ${host.user}: chown ${host.user} ${folder}`,
    );
  }
  const names = fileOf(server, "pg_ident.conf");
  if ((await host.stat(names)) === undefined) await writeServerFile(host, server, "pg_ident.conf", mapsNobody);
}

/** The least that makes a server start as a standby. */
export function standbyFile(version: Major): { readonly name: string; readonly content: string } {
  return atLeast(version, "12")
    ? { name: "standby.signal", content: "" }
    : { name: "recovery.conf", content: "standby_mode = 'on'\n" };
}

/** A server whose data are made anew. Its files where these are declared at once; one that rejoins gets them from its rollout. */
export type Filled = KnownServer & Partial<Pick<Server, "files">>;

/**
 * The declared files, and whatever its role is declared to be, a file that makes it a standby: a copy must never come
 * up as a second primary. (The declared primary is copied while another server is writable, after a failover.)
 */
export async function writeStandbyFiles(host: Host, server: Filled): Promise<void> {
  const { name, content } = standbyFile(server.version);
  const minimal: Readonly<Record<string, string>> = {
    "postgresql.conf": `${minimalText}${renderConfiguration(placeSettings(server), { header: [] })}`,
    [name]: content,
  };
  const declared = Object.fromEntries(Object.entries(server.files ?? {}).filter(([, text]) => text !== null));
  await writeDeclaredFiles(host, { ...server, files: { ...minimal, ...declared } });
}
