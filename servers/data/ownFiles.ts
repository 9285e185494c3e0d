import { join } from "node:path";
import type { KnownServer, Server } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { atLeast, type Major } from "../../postgres/versions.js";

/** An access file that lets nobody in: better than initdb's until the declared one stands. */
const letsNobodyIn = "# Lets nobody in until pgsite installs the declared rules.\nlocal all all reject\n";

/** Writes the configuration that the stack declares into a data directory that is being filled. */
export async function writeDeclaredFiles(
  host: Host,
  server: Pick<Server, "files">,
  dataDirectory: string,
): Promise<void> {
  const files = { "pg_hba.conf": letsNobodyIn, ...server.files };
  const write = async ([name, content]: [string, string | null]) => {
    if (content !== null) await host.writeFile(join(dataDirectory, name), content);
  };
  await Promise.all(Object.entries(files).map(write));
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
    "postgresql.conf": "# Minimal, until pgsite installs the declared configuration.\nhot_standby = off\n",
    [name]: content,
  };
  const declared = Object.fromEntries(Object.entries(server.files ?? {}).filter(([, text]) => text !== null));
  await writeDeclaredFiles(host, { files: { ...minimal, ...declared } }, server.dataDirectory);
}
