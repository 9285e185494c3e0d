import { join } from "node:path";
import * as z from "zod";
import { incompleteMarker } from "../../config/controlDirectory.js";
import type { KnownServer } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { refuseNetworkFileSystem } from "./freeSpace.js";
import { makeFolder } from "./places.js";

const schema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("initdb") }),
  z.object({
    kind: z.literal("base-backup"),
    /** Where the copy comes from. */
    source: z.object({ name: z.string(), dataDirectory: z.string(), systemIdentifier: z.string() }),
    /** The source's clock when the copy began, in seconds since the epoch. */
    began: z.number(),
    /** The target's boot: what was written before a crash may not have reached the disk. */
    boot: z.string(),
    /** How it is copied: not every half copy can be gone on with. */
    method: z.string().optional(),
    /** Target folder of each tablespace by its OID; they are pgsite's to clear. */
    tablespaces: z.record(z.string(), z.string()),
  }),
]);

/** What `pgsite.incomplete` says of the attempt that was cut off. */
export type Marker = z.infer<typeof schema>;
export type BackupMarker = Extract<Marker, { readonly kind: "base-backup" }>;

export async function writeMarker(host: Host, dataDirectory: string, marker: Marker): Promise<void> {
  await host.writeFile(join(dataDirectory, incompleteMarker), `${JSON.stringify(marker)}\n`);
}

/** The marker of a cut-off attempt, or undefined where there is none that can be understood. */
export async function readMarker(host: Host, dataDirectory: string): Promise<Marker | undefined> {
  const content = await host.readFile(join(dataDirectory, incompleteMarker));
  if (content === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(content.toString("utf8")));
  } catch {
    return undefined;
  }
}

/** Removes what is in a folder, except lost+found and the names to keep. */
export async function clearDirectory(host: Host, directory: string, keep: readonly string[] = []): Promise<void> {
  for (const name of (await host.list(directory)) ?? []) {
    if (name !== "lost+found" && !keep.includes(name)) await host.remove(join(directory, name));
  }
}

/**
 * Makes a data directory to be filled, or takes an empty or half-filled one: 0700, owned by the host's OS user.
 * @throws where it belongs to somebody else, or lies on NFS
 */
export async function takeDirectory(host: Host, server: Pick<KnownServer, "host" | "dataDirectory">): Promise<void> {
  const { dataDirectory } = server;
  await refuseNetworkFileSystem(host, dataDirectory);
  await makeFolder(host, server, dataDirectory);
  const status = await host.stat(dataDirectory);
  if (status?.owner !== host.user) {
    throw new Error(
      `${dataDirectory} on ${host.name} belongs to ${status?.owner}, and the server runs as ${host.user}: chown ${host.user} ${dataDirectory}`,
    );
  }
  if (status.mode === 0o700) return;
  const { code, stderr } = await host.run(["chmod", "0700", dataDirectory]);
  if (code !== 0) throw new Error(`${dataDirectory} on ${host.name} cannot be made private: ${stderr.trim()}`);
}
