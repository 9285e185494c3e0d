import * as pulumi from "@pulumi/pulumi";
import { controlPath } from "../config/controlDirectory.js";
import type { Site } from "../config/site.js";
import { needsPassfile } from "../installed/jobs/facts.js";
import { renderPassfile } from "../postgres/files/passfile.js";
import { HostFile, MailAlias } from "../provider/sdk/index.js";
import { DatabaseBackups } from "./databaseBackups.js";
import { Watch } from "./watch.js";

/** What the hosts of a stack run at given times, and what that needs: backups, watch, mail. After the rollout. */
export function runJobs(
  site: Site,
  administratorPassword: pulumi.Input<string>,
  rollout: pulumi.Resource,
  parent: pulumi.Resource,
): void {
  const after = { parent, dependsOn: rollout };
  const watched = [site.backups, site.watch].some((declared) => declared !== undefined);
  const passfiles = site.servers
    .filter((server) => watched && server.lost === undefined && needsPassfile(site, server))
    .map((server) => {
      const { name, host, address, port } = server;
      const content = pulumi
        .secret(administratorPassword)
        .apply((password) =>
          renderPassfile([{ host: address, port, database: "*", user: site.administrator, password }]),
        );
      return new HostFile(`${name}-jobs-passfile`, { host, path: controlPath(server, "jobsPassfile"), content }, after);
    });
  const ready = { parent, dependsOn: [rollout, ...passfiles] };
  if (site.backups !== undefined) new DatabaseBackups(`${site.name}-backups`, { site }, ready);
  if (site.watch !== undefined) new Watch(`${site.name}-watch`, { site }, ready);
  const hosts = new Map(
    site.servers.filter(({ lost }) => lost === undefined).map(({ host }) => [host.name, host] as const),
  );
  for (const [alias, to] of Object.entries(site.mail?.aliases ?? {})) {
    for (const [name, host] of hosts) {
      new MailAlias(`${site.name}-alias-${alias}-${name}`, { host, name: alias, to: to.join(", ") }, after);
    }
  }
}
