import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import type { Server, Site } from "../../config/site.js";
import {
  Database,
  DataDirectory,
  HostFile,
  Role,
  Rollout,
  Schema,
  ServerConfiguration,
} from "../../provider/sdk/index.js";

/** What a test wants to stand; the program reads it from site.json beside it. */
export interface Declared {
  readonly files?: readonly { readonly path: string; readonly mode?: string; readonly user: string }[];
  readonly site?: Site;
  readonly roles?: Readonly<
    Record<string, { readonly connectionLimit?: number; readonly memberOf?: readonly string[] }>
  >;
  readonly databases?: Readonly<
    Record<
      string,
      { readonly owner: string; readonly encoding?: string; readonly schemas?: Readonly<Record<string, string>> }
    >
  >;
}

const config = new pulumi.Config();
const declared = JSON.parse(readFileSync("site.json", "utf8")) as Declared;

for (const { path, user, mode } of declared.files ?? []) {
  const host = { name: "here", transport: "local", address: "", user } as const;
  new HostFile(path.split("/").at(-1) ?? path, { host, path, mode, content: config.requireSecret("content") });
}

const { site } = declared;
if (site !== undefined) compose(site);

function compose(site: Site): void {
  const administratorPassword = config.requireSecret("administrator");
  const made = site.servers.flatMap((server) => compositionOf(site, server));
  const connection = {
    site: site.name,
    endpoints: site.servers,
    administrator: site.administrator,
    administratorPassword,
  };
  const roles = Object.entries(declared.roles ?? {}).map(
    ([name, role]) =>
      new Role(name, { ...connection, name, ...role, password: config.requireSecret("role") }, { dependsOn: made }),
  );
  for (const [name, { schemas = {}, ...database }] of Object.entries(declared.databases ?? {})) {
    const made = new Database(name, { ...connection, name, ...database }, { dependsOn: roles });
    for (const [schema, owner] of Object.entries(schemas)) {
      new Schema(`${name}.${schema}`, { ...connection, name: schema, database: name, owner }, { dependsOn: made });
    }
  }
  new Rollout(
    "rollout",
    {
      site: site.name,
      primary: site.primary,
      administrator: site.administrator,
      administratorPassword,
      servers: Object.fromEntries(site.servers.map((server) => [server.name, server])),
    },
    { dependsOn: [...made, ...roles] },
  );
}

function compositionOf(site: Site, server: Server): pulumi.Resource[] {
  const { name, host, dataDirectory, controlDirectory, version, disposable } = server;
  const common = { site: site.name, server: name, host, controlDirectory };
  const directory = new DataDirectory(`${name}-directory`, { ...common, path: dataDirectory, disposable });
  const present = Object.entries(server.files).filter((entry): entry is [string, string] => entry[1] !== null);
  const configuration = new ServerConfiguration(
    `${name}-configuration`,
    {
      ...common,
      dataDirectory,
      version,
      files: Object.fromEntries(present),
      absent: Object.keys(server.files).filter((file) => server.files[file] === null),
      incarnation: directory.incarnation,
    },
    { dependsOn: directory },
  );
  return [directory, configuration];
}
