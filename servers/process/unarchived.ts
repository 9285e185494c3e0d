import { join } from "node:path";
import type { KnownServer } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { namesOf } from "../sql/versions.js";

/** Segments of a server's WAL that wait for archive_command; none where nobody can say. */
export async function unarchivedOn(
  host: Host,
  { dataDirectory, version }: Pick<KnownServer, "dataDirectory" | "version">,
): Promise<number> {
  const folder = join(dataDirectory, namesOf(version).walDirectory, "archive_status");
  const names = (await host.list(folder).catch(() => undefined)) ?? [];
  return names.filter((name) => name.endsWith(".ready")).length;
}
