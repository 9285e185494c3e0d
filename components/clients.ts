import { posix } from "node:path";
import { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { type Clients, renderClientFile } from "../config/clients.js";
import type { Server } from "../config/site.js";
import { secretsInText } from "../postgres/secrets/index.js";
import { ClientLinks, HostFile } from "../provider/sdk/index.js";

/**
 * Leads clients to the primary, once the rollout has made it that: links first, then the command for what pgsite does
 * not know, which runs in the first `up` and whenever another server has become the primary.
 */
export function followPrimary(
  site: string,
  clients: Clients,
  primary: Server,
  passwordOf: (role: string) => pulumi.Output<string>,
  rollout: pulumi.Resource,
  parent: pulumi.Resource,
): void {
  const after = { parent, dependsOn: rollout };
  for (const { host, path } of clients.serviceFiles) {
    new HostFile(
      `${site}-service-file-${host.name}`,
      { host, path, content: clients.serviceFile, mode: "0644" },
      after,
    );
  }
  const named = new Set<string>();
  for (const [index, file] of clients.files.entries()) {
    const { host, path, mode } = file;
    const plain = `${site}-file-${host.name}-${posix.basename(path)}`;
    const name = named.has(plain) ? `${plain}-${index}` : plain;
    named.add(name);
    const content = pulumi.secret(passwordOf(file.role)).apply((password) => renderClientFile(site, file, password));
    new HostFile(name, { host, path, content, mode }, after);
  }
  const moved = clients.links.map(
    ({ host, folder, links }, index) =>
      new ClientLinks(`${site}-links-${host.name}-${index}`, { host, folder, links }, after),
  );
  if (clients.hook === undefined) return;
  new local.Command(
    `${site}-hook`,
    {
      // A command stands in the state, and in the diff where it changes.
      create: secretsInText(clients.hook).length > 0 ? pulumi.secret(clients.hook) : clients.hook,
      // Pulumi's command plugin would hand its own environment on.
      interpreter: ["node", "pgsite.js", "hook", "--"],
      environment: {
        PGSITE_SITE: site,
        PGSITE_PRIMARY: primary.name,
        PGSITE_PRIMARY_ADDRESS: primary.address,
        PGSITE_PRIMARY_PORT: `${primary.port}`,
        PGSITE_CONNECTION_STRING: clients.connectionString,
      },
      addPreviousOutputInEnv: false,
    },
    { parent, dependsOn: [rollout, ...moved] },
  );
}
