import type { HostSpec } from "../hosts/host.js";
import { error, type Problem, warning } from "../postgres/problem.js";
import type { Context } from "./context.js";
import { unknownHost, unknownName } from "./references.js";
import { noSchedule } from "./schema/jobs.js";
import type { BackupsDescription, StackDescription } from "./schema.js";
import type { Backups, Server, Site } from "./site.js";
import { checkWatch, watchOf } from "./watch.js";

type Copy = BackupsDescription["copies"][number];

/** What a stack says of backups, watch and mail, as a part of its site; nothing where it says nothing. */
export function jobsOf(
  { backups, watch, mail, servers, primary, rehearsal }: StackDescription,
  hostOf: Context["hostSpecOf"],
): Pick<Site, "backups" | "watch" | "mail" | "clientDirectory"> {
  return {
    ...(rehearsal?.clients === undefined ? {} : { clientDirectory: rehearsal.clients }),
    ...(backups === undefined ? {} : { backups: backupsOf(backups, servers, primary, hostOf) }),
    ...(watch === undefined ? {} : { watch: watchOf(watch) }),
    ...(mail === undefined ? {} : { mail }),
  };
}

function backupsOf(
  { server, folder, copies, drill, ...rest }: BackupsDescription,
  servers: StackDescription["servers"],
  primary: string | undefined,
  hostOf: Context["hostSpecOf"],
): Backups {
  const on = serversWithBackups({ server, servers, primary });
  return {
    ...rest,
    role: server === primaryWord ? "primary" : "any",
    folders: Object.fromEntries(
      on.flatMap((name) => {
        const own = folderOf(folder, name);
        return own === undefined ? [] : [[name, own]];
      }),
    ),
    copies: copies.map(({ server: at, host, user, ...copy }) => ({
      ...copy,
      ...(at === undefined ? {} : { server: at }),
      ...hostOfCopy(host ?? (at === undefined ? undefined : (servers[at]?.host ?? at)), user, hostOf),
    })),
    ...(drill === undefined ? {} : { drill }),
  };
}

function hostOfCopy(
  name: string | undefined,
  user: string | undefined,
  hostOf: Context["hostSpecOf"],
): { readonly host?: HostSpec } {
  return name === undefined ? {} : { host: hostOf(name, user) };
}

/** Where a server's runs lie; undefined where nobody says. */
export function folderOf(folder: BackupsDescription["folder"], server: string): string | undefined {
  return typeof folder === "string" ? folder : folder[server];
}

/** Stands for whichever server takes writes. */
const primaryWord = "primary";

/** Those that may have to make a backup: whichever may be the primary, or the one that is named. */
function serversWithBackups({
  server,
  servers,
  primary,
}: {
  readonly server: string;
  readonly servers: StackDescription["servers"];
  readonly primary: string | undefined;
}): readonly string[] {
  if (server !== primaryWord) return server in servers ? [server] : [];
  if (primary === undefined) return [];
  return Object.keys(servers)
    .filter((name) => name === primary || servers[name]?.role !== "mirror")
    .sort();
}

/** What a stack says of backups, watch and mail that does not fit its servers. */
export function checkJobs(description: StackDescription, servers: readonly Server[]): Problem[] {
  const { backups, watch, mail, primary } = description;
  const silent = [
    ...(backups !== undefined && backups.schedule !== noSchedule ? ["backups"] : []),
    ...(watch !== undefined && watch.schedule !== noSchedule ? ["watch"] : []),
  ];
  return [
    ...(backups === undefined ? [] : checkBackups(backups, description, servers)),
    ...(watch === undefined ? [] : checkWatch(watch)),
    ...(mail === undefined && silent.length > 0
      ? [
          warning(
            "mail",
            `is missing: ${silent.join(" and ")} would tell nobody what went wrong. Name who gets mail (mail.to)`,
          ),
        ]
      : []),
    ...(primary === undefined && backups?.server === primaryWord
      ? [
          error(
            "backups.server",
            "is missing: this stack has no primary; name the mirror that makes the backups",
            "primary",
          ),
        ]
      : []),
  ];
}

function checkBackups(
  { server, folder, copies, drill, databases }: BackupsDescription,
  description: StackDescription,
  servers: readonly Server[],
): Problem[] {
  const names = servers.map(({ name }) => name);
  const known = (path: string, name: string) => unknownName("server", path, name, names);
  const on = serversWithBackups({ server, servers: description.servers, primary: description.primary });
  const named = servers.find(({ name }) => name === server);
  const hostOf = ({ server: at, host }: Copy) =>
    host ?? (at === undefined ? undefined : (description.servers[at]?.host ?? at));
  return [
    ...(server === primaryWord ? [] : known("backups.server", server)),
    ...(named !== undefined && named.role !== "primary" && !named.hotStandby
      ? [
          error(
            "backups.server",
            `${server} is a warm standby (hot_standby is off) and answers no queries: allowed are primary and servers that do`,
          ),
        ]
      : []),
    ...(typeof folder === "string"
      ? []
      : [
          ...Object.keys(folder).flatMap((name) => known(`backups.folder.${name}`, name)),
          ...on
            .filter((name) => folder[name] === undefined)
            .map((name) =>
              error(`backups.folder.${name}`, `is missing: ${name} makes backups while it is the primary`),
            ),
        ]),
    ...sharedFolders(on, folder, description),
    ...copies.flatMap((copy, index) => [
      ...(copy.server === undefined ? [] : known(`backups.copies[${index}].server`, copy.server)),
      ...(copy.host === undefined ? [] : unknownHost(description.hosts, `backups.copies[${index}].host`, copy.host)),
      ...on
        .filter((name) => [undefined, description.servers[name]?.host ?? name].includes(hostOf(copy)))
        .filter((name) => folderOf(folder, name) === copy.folder)
        .map((name) =>
          error(`backups.copies[${index}].folder`, `is where ${name} writes its runs: a copy lies elsewhere`),
        ),
    ]),
    ...(drill?.server === undefined
      ? []
      : [
          ...known("backups.drill.server", drill.server),
          ...(on.includes(drill.server) || copies.some((copy) => copy.server === drill.server)
            ? []
            : [
                error(
                  "backups.drill.server",
                  `${drill.server} has no runs: name a server that makes backups, or one that copies: copies them to`,
                ),
              ]),
        ]),
    ...Object.entries(databases).flatMap(([database, rules]) => checkRules(database, rules)),
  ];
}

/** Two servers of one machine would take each other's runs for their own. */
function sharedFolders(
  on: readonly string[],
  folder: BackupsDescription["folder"],
  { servers }: StackDescription,
): Problem[] {
  const placeOf = (name: string) => `${servers[name]?.host ?? name}:${folderOf(folder, name)}`;
  return on.flatMap((name, index) => {
    const other = on.slice(0, index).find((one) => placeOf(one) === placeOf(name));
    return other === undefined
      ? []
      : [
          error(
            "backups.folder",
            `${other} and ${name} share a host, and would write into one folder: give each its own`,
          ),
        ];
  });
}

/** Names of dumps that a file system would have twice. */
function checkRules(database: string, { groups, schemas }: BackupsDescription["databases"][string]): Problem[] {
  const both = schemas.filter((schema) => schema in groups);
  return both.map((schema) =>
    error(`backups.databases.${database}.schemas`, `"${schema}" is a group already: give the group another name`),
  );
}
