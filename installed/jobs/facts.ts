import { bootstrapSuperuser } from "../../config/bootstrapSuperuser.js";
import { controlPath } from "../../config/controlDirectory.js";
import type { Server, Site } from "../../config/site.js";
import { compiledIn, placesOfSockets } from "../../config/socketFolders.js";
import { defined } from "../../postgres/defined.js";
import type { JobConnection, JobFacts } from "./settings.js";

/** What the programs of a server's host know of it. */
export function jobFacts(
  site: Pick<Site, "name" | "administrator" | "clientDirectory" | "mail">,
  server: Server,
): JobFacts {
  const { name, version, host, dataDirectory, controlDirectory, binDirectory, port } = server;
  return {
    site: site.name,
    server: name,
    version,
    user: host.user,
    dataDirectory,
    controlDirectory,
    binDirectory,
    ...defined({ clientDirectory: site.clientDirectory }),
    port,
    connection: connectionOf(site, server),
    ...(site.mail === undefined ? {} : { mail: { to: site.mail.to, ...defined({ from: site.mail.from }) } }),
  };
}

/** What the programs of a host call a folder there to which others copy their runs. */
export function heldName(index: number): string {
  return index === 0 ? "copies" : `copies${index + 1}`;
}

/** Whether these programs need the administrator's password in a file. */
export function needsPassfile(site: Pick<Site, "administrator">, server: Server): boolean {
  return "passfile" in connectionOf(site, server);
}

function connectionOf({ administrator }: Pick<Site, "administrator">, server: Server): JobConnection {
  const sockets = placesOfSockets(server);
  const [socketFolder] = sockets === compiledIn ? [undefined] : sockets;
  // pgsite's own rule of pg_hba.conf lets the OS user in by the socket, as the superuser of the same name.
  const role = bootstrapSuperuser(administrator, server.host.user);
  if (server.host.user === role && (sockets === compiledIn || socketFolder !== undefined))
    return { ...defined({ socketFolder }), ...(role === "postgres" ? {} : { role }) };
  return { address: server.address, role: administrator, passfile: controlPath(server, "jobsPassfile") };
}
