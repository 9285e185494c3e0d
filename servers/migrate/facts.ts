import { versionDirectory } from "../../config/controlDirectory.js";
import type { Server, Site } from "../../config/site.js";
import { jobFacts } from "../../installed/jobs/facts.js";
import { type MigrateFacts, migratePassfile } from "../../installed/migrate/render.js";
import type { Major } from "../../postgres/versions.js";

/** What an upgrade's journal says of what was before it. */
export interface Before {
  readonly from: Major;
  readonly programs: { readonly old: string };
  /** By database, as the plan had them. */
  readonly plan?: { readonly deferred: Readonly<Record<string, readonly string[]>> } | undefined;
}

/** What the migration of a server's history goes by after an upgrade; undefined where nothing was deferred. */
export function migrateFacts(
  site: Parameters<typeof jobFacts>[0] & Pick<Site, "servers">,
  server: Server,
  { from, programs, plan }: Before,
): MigrateFacts | undefined {
  const databases = Object.fromEntries(
    Object.entries(plan?.deferred ?? {}).filter(([, patterns]) => patterns.length > 0),
  );
  if (Object.keys(databases).length === 0) return undefined;
  // It mails nothing: whoever puts it there anew knows it by the same files, whatever the stack says of mail by then.
  const { mail: _, ...others } = site;
  const job = jobFacts(others, server);
  const { connection } = job;
  return {
    // The password file of other jobs goes with these, and they may not be declared.
    job: {
      ...job,
      connection:
        "passfile" in connection ? { ...connection, passfile: migratePassfile(server.controlDirectory) } : connection,
    },
    source: {
      binDirectory: programs.old,
      dataDirectory: versionDirectory(server.dataDirectory, from),
      version: from,
    },
    databases,
    lateStandbys: site.servers.flatMap(({ name, applicationName = name, settings, files, lost }) => {
      if (lost !== undefined) return [];
      const says = settings.recovery_min_apply_delay ?? files["recovery.conf"]?.includes("recovery_min_apply_delay");
      return says === undefined || says === false || says === "0" ? [] : [applicationName];
    }),
  };
}
