import { join } from "node:path";
import { incompleteMarker } from "../../config/controlDirectory.js";
import type { KnownServer, KnownSite } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { removeBegun } from "../rejoin/aside.js";
import { writeIdentity } from "./dataDirectory.js";

/** The proof that the data is ours comes before the marker goes: in between, the marker counts and all is done again. */
export async function seal(
  host: Host,
  site: Pick<KnownSite, "name" | "stack" | "standalone">,
  server: KnownServer,
  systemIdentifier: string,
): Promise<void> {
  await writeIdentity(host, server, {
    site: site.name,
    server: server.name,
    ...(site.standalone === true ? { stack: site.stack } : {}),
    systemIdentifier,
  });
  // Where a rejoin began this copy, and was cut off.
  await removeBegun(host, server);
  await host.remove(join(server.dataDirectory, incompleteMarker));
  await host.run(["sync", "-f", server.dataDirectory], { timeout: 10 * 60000 });
}
