import { normalize } from "node:path";
import { bootstrapSuperuser } from "../../config/bootstrapSuperuser.js";
import { configurationDirectoryIn, programsIn, unitOf } from "../../config/layouts.js";
import { passwordKey } from "../../config/parse.js";
import { parseConninfo } from "../../postgres/files/conninfo.js";
import { autoFile } from "../../postgres/files/facts.js";
import { literalName, parseHbaLine, renderHbaLine } from "../../postgres/files/hba/index.js";
import { fileOf, isIncluded, nameOfFile } from "../../postgres/files/places.js";
import { usualReplicationRole } from "../../postgres/replicating.js";
import { shownValue } from "../../postgres/secrets/index.js";
import { atLeast } from "../../postgres/versions.js";
import type { Contents } from "./ask.js";
import { databasesOf, rolesOf, unspeakableSettings } from "./contents.js";
import { layoutOf } from "./layout.js";
import type { HandMade } from "./read.js";
import { type StackSetting, settingsFor } from "./settings.js";

/** A hand-made server with the name that it shall have. */
export interface Named {
  readonly name: string;
  readonly found: HandMade;
}

export interface Wanted {
  readonly site: string;
  readonly administrator: string;
  /** Whether the one server that was found is to be the only one for ever. @default a standby may follow */
  readonly standalone?: boolean;
  readonly servers: readonly Named[];
  readonly contents: Contents;
  /** Replication slots on any of them. */
  readonly slots?: readonly string[];
}

/** The keys of a stack file, without `pgsite:`, in the order in which they are to be written. */
export type StackKeys = Readonly<Record<string, unknown>>;

export interface Described {
  readonly keys: StackKeys;
  /** By setting: where it was found, if not in postgresql.conf. */
  readonly origins: Readonly<Record<string, string>>;
  readonly replicationRole: string;
  /** What a stack file cannot say, or what an administrator should know. */
  readonly notes: readonly string[];
  /** Why these servers cannot be taken over as they are. */
  readonly obstacles: readonly string[];
}

/** Turns what was found into a stack's description. Pure. */
export function describe({
  site,
  administrator,
  standalone = false,
  servers,
  contents,
  slots = [],
}: Wanted): Described {
  const primaries = servers.filter(({ found }) => !found.inRecovery);
  const first = (primaries[0] ?? servers[0]) as Named;
  const { version } = first.found;
  const obstacles = [
    ...(primaries.length === 1
      ? []
      : [
          primaries.length === 0
            ? "none of these servers is a primary: name the primary too"
            : `${primaries.map(({ name }) => name).join(" and ")} both take writes: they are two sites`,
        ]),
    ...servers.flatMap((server) => obstaclesOf(server, first.found)),
    ...(standalone && servers.length > 1
      ? [`--standalone says that the database exists once, and these are ${servers.length} servers of it`]
      : []),
  ];
  const notes = servers.flatMap((server) => notesOf(server));
  const upstreams = servers.flatMap((server) => upstreamOf(server, servers, obstacles));
  const users = [...new Set(upstreams.flatMap(({ user }) => (user === undefined ? [] : [user])))];
  if (users.length > 1) obstacles.push(`standbys connect as different roles (${users.join(", ")}): pgsite knows one`);
  const usualRole = usualReplicationRole(version, administrator);
  const replicationRole = standalone ? administrator : (users[0] ?? replicatorOf(contents, administrator));

  const settings = servers.map(({ name, found }) => {
    const { settings: own, notes: more } = settingsFor(found);
    notes.push(...more.map((note) => `${name}: ${note}`));
    return own;
  });
  const shared = sharedOf(settings);
  const includes = servers.map(({ found }, index) => includesOf(found, settings[index] ?? {}));
  const sharedIncludes = Object.fromEntries(
    Object.entries(includes[0] ?? {}).filter(([file, names]) =>
      includes.every((other) => `${other[file]}` === `${names}`),
    ),
  );
  const access = accessOf(servers, administrator, authenticationOf(contents, administrator, replicationRole), notes);
  const port = first.found.port;
  const hosts = new Map(servers.map(({ found: { place } }) => [place.host, place]));
  const layouts = servers.map(({ found }) => layoutOf(found));
  const [layout = "plain"] = layouts;
  const hasOneLayout = layouts.every((one) => one === layout);
  const locale = contents.initdb;
  // A standby's own slot is known by its primary_slot_name.
  const used = servers.map(({ found }) => found.settings.primary_slot_name?.value ?? found.recovery.primary_slot_name);
  const foreign = [...new Set(slots)].filter((slot) => !used.includes(slot)).sort();
  const origins: Record<string, string> = {};
  const keys = {
    site,
    postgresql: version,
    ...(hasOneLayout && layout !== "plain" ? { layout } : {}),
    ...(first.found.binDirectory === programsIn(layoutOf(first.found), version)
      ? {}
      : { binaries: first.found.binDirectory }),
    ...(first.found.spec.user === "postgres" ? {} : { osUser: first.found.spec.user }),
    ...(port === 5432 ? {} : { port }),
    hosts: Object.fromEntries(
      [...hosts].map(([host, { address, transport }]) => [
        host,
        transport === "ssh" ? address : { address, transport },
      ]),
    ),
    [standalone ? "standalone" : "primary"]: first.name,
    servers: Object.fromEntries(
      servers.map(({ name, found }, index) => {
        const upstream = upstreams.find((one) => one.name === name)?.upstream;
        const own = without(settings[index] ?? {}, shared);
        return [
          name,
          {
            ...(found.place.host === name ? {} : { host: found.place.host }),
            ...(found.port === port ? {} : { port: found.port }),
            ...(hasOneLayout || layouts[index] === "plain" ? {} : { layout: layouts[index] }),
            dataDirectory: found.place.dataDirectory,
            ...configurationOf(found),
            ...streamNameOf(name, found),
            ...(upstream === undefined || upstream === first.name ? {} : { upstream }),
            ...(Object.keys(own).length === 0 ? {} : { settings: valuesOf(own, origins, `servers.${name}.settings`) }),
            ...includesKey(ownIncludes(includes[index] ?? {}, sharedIncludes)),
            ...((access.own[name] ?? []).length === 0 ? {} : { access: access.own[name] }),
          },
        ];
      }),
    ),
    settings: valuesOf(shared, origins, "settings"),
    ...includesKey(sharedIncludes),
    ...(administrator === "postgres" ? {} : { administrator }),
    ...(standalone || replicationRole === usualRole ? {} : { replicationRole }),
    ...(access.authentication === undefined ? {} : { authentication: access.authentication }),
    access: access.shared,
    ...rolesOf(contents, administrator, replicationRole, notes),
    ...databasesOf(contents, administrator, notes),
    ...(foreign.length === 0 ? {} : { slots: foreign }),
    service: serviceOf(servers, notes),
    initdb: { locale: locale.locale, encoding: locale.encoding, dataChecksums: locale.dataChecksums },
  };
  obstacles.push(...unspeakableSettings(contents));
  return { keys, origins, replicationRole, notes, obstacles };
}

/** Without a standby nobody has said who replicates: the one role that may, else the administrator, so that no role is made. */
function replicatorOf({ roles }: Contents, administrator: string): string {
  const able = roles.filter(({ login, replication, superuser }) => login && replication && !superuser);
  return able.length === 1 ? (able[0]?.name ?? administrator) : administrator;
}

/** Its folder, if its layout does not say it. */
function configurationOf(found: HandMade): StackKeys {
  const { configurationDirectory, place, version } = found;
  const usual = configurationDirectoryIn(layoutOf(found), place.dataDirectory, version);
  return configurationDirectory === undefined || configurationDirectory === usual ? {} : { configurationDirectory };
}

/** A standby keeps the name under which it streams: synchronous_standby_names and others may know it by that. */
function streamNameOf(name: string, found: HandMade): StackKeys {
  if (!found.inRecovery) return {};
  const given = conninfoOf(found).application_name;
  const cluster = found.settings.cluster_name?.value ?? "";
  const applicationName = given ?? (atLeast(found.version, "12") && cluster !== "" ? cluster : "walreceiver");
  return applicationName === name ? {} : { applicationName };
}

type Includes = Readonly<Record<string, readonly string[]>>;

/** By included file in the folder of the configuration: what is in force by it. */
function includesOf(found: HandMade, settings: Settings): Includes {
  const folders = { ...found.place, configurationDirectory: found.configurationDirectory };
  const files = Object.keys(found.files)
    .map((path) => nameOfFile(folders, path))
    .filter((name) => !name.startsWith("/") && isIncluded(name));
  const names = (file: string) =>
    Object.entries({ ...settings, ...decidedIn(found) })
      .filter(([, { from }]) => from === file)
      .map(([name]) => name)
      .sort();
  return Object.fromEntries(files.sort().map((file) => [file, names(file)]));
}

/** What the description says by other keys than settings, and an included file may say too. */
function decidedIn({ settings }: HandMade): Readonly<Record<string, { readonly from: string }>> {
  const names = ["port", "primary_conninfo"];
  return Object.fromEntries(names.flatMap((name) => (settings[name] === undefined ? [] : [[name, settings[name]]])));
}

function ownIncludes(includes: Includes, shared: Includes): Includes {
  return Object.fromEntries(Object.entries(includes).filter(([file]) => !(file in shared)));
}

function includesKey(includes: Includes): StackKeys {
  return Object.keys(includes).length === 0 ? {} : { includes };
}

/** The service that starts them all, or none: an import does not make any. */
function serviceOf(servers: readonly Named[], notes: string[]): StackKeys {
  const [first] = servers;
  const service = first?.found.service;
  const same = servers.every(({ found }) => JSON.stringify(found.service) === JSON.stringify(service));
  const shared = new Set(servers.map(({ found }) => found.place.host)).size < servers.length;
  const isPlain = servers.every(({ found }) => layoutOf(found) === "plain");
  if (service !== undefined && same && !shared && isPlain) return { ...service };
  notes.push(
    ...servers.map(({ name, found }) => {
      const unit = unitOf({ ...found, layout: layoutOf(found), dataDirectory: found.place.dataDirectory });
      if (unit !== undefined)
        return `${name}: ${unit}.service, its distribution's, starts it and stays as it is: take service out of the stack file, and pgsite adds to it what keeps a primary that was superseded from starting`;
      return found.service === undefined
        ? `${name}: no service starts it with its machine: take service out of the stack file, and pgsite makes one`
        : `${name}: the service ${found.service.name} starts it with its machine, and stays as it is: a stack has one name for all`;
    }),
  );
  return { manager: "none" };
}

function obstaclesOf({ name, found }: Named, first: HandMade): string[] {
  const folders = { ...found.place, configurationDirectory: found.configurationDirectory };
  const usual: Readonly<Record<string, string>> = {
    data_directory: found.place.dataDirectory,
    hba_file: fileOf(folders, "pg_hba.conf"),
    ident_file: fileOf(folders, "pg_ident.conf"),
  };
  const elsewhere = Object.entries(usual).filter(([setting, place]) => {
    const given = found.settings[setting]?.value;
    return given !== undefined && normalize(given).replace(/(?<=.)\/$/, "") !== place;
  });
  const programsOf = ({ binDirectory, ...one }: HandMade) =>
    binDirectory === programsIn(layoutOf({ ...one, binDirectory }), one.version) ? "its layout's" : binDirectory;
  return [
    ...elsewhere.map(
      ([setting, place]) =>
        `${name}: ${setting} in ${found.settings[setting]?.from} is ${found.settings[setting]?.value}, and pgsite looks for it at ${place}: move it there, with the line that names it`,
    ),
    ...(found.version === first.version
      ? []
      : [`${name} is ${found.version}, and a stack has one version (${first.version})`]),
    ...(found.systemIdentifier === first.systemIdentifier
      ? []
      : [
          `${name} is another cluster: its system identifier is ${found.systemIdentifier}, not ${first.systemIdentifier}: import it into a stack of its own`,
        ]),
    ...(programsOf(found) === programsOf(first)
      ? []
      : [
          `${name} runs with the programs in ${found.binDirectory}, and a stack has one folder (${first.binDirectory})`,
        ]),
    ...(found.spec.user === first.spec.user
      ? []
      : [`${name} belongs to the OS user ${found.spec.user}, and a stack has one (${first.spec.user})`]),
    ...found.access.flatMap(({ include, line }) =>
      include === undefined
        ? []
        : [
            `${name}: pg_hba.conf line ${line} includes ${include.path}, and pgsite writes a file that includes none: put its rules into pg_hba.conf`,
          ],
    ),
    ...found.problems.map(({ path, message }) => `${name}: ${path}: ${message}`),
  ];
}

function notesOf({ name, found }: Named): string[] {
  const folders = { ...found.place, configurationDirectory: found.configurationDirectory };
  const included = Object.keys(found.files).filter((path) => nameOfFile(folders, path).startsWith("/"));
  const onLine = Object.entries(found.settings).filter(
    ([setting, { from }]) =>
      from === "the command line" && !["config_file", "hba_file", "ident_file", "data_directory"].includes(setting),
  );
  return [
    ...included.map(
      (path) =>
        `${name}: what ${path} sets is in the stack file; the file itself is not pgsite's, which includes it no longer when it first writes postgresql.conf`,
    ),
    ...onLine.map(
      ([setting, { value }]) =>
        `${name}: ${setting} = ${shownValue(setting, value)} was given on the command line; from pgsite it comes in postgresql.conf`,
    ),
    ...(found.hasMaps
      ? [`${name}: the maps of pg_ident.conf are left as they are: pgsite does not manage that file`]
      : []),
    ...(found.tablespaces === 0
      ? []
      : [`${name}: ${found.tablespaces} tablespaces are elsewhere: a stack file does not describe them`]),
    ...passwordNotes(name, found),
  ];
}

/** A password in primary_conninfo is not taken over: what pgsite writes there finds it in a passfile. */
function passwordNotes(name: string, found: HandMade): string[] {
  const { user, password } = conninfoOf(found);
  if (password === undefined) return [];
  const from = found.settings.primary_conninfo?.from ?? "recovery.conf";
  const role = user === undefined ? "ROLE" : user;
  return [
    `${name}: primary_conninfo in ${from} has a password, which is not in the stack file: give it with pulumi config set --secret ${passwordKey(role)}, and pgsite keeps it in a passfile beside the data`,
  ];
}

/** The connection that makes it a standby. */
export function conninfoOf(found: HandMade): Readonly<Record<string, string>> {
  const text = found.settings.primary_conninfo?.value ?? found.recovery.primary_conninfo ?? "";
  return parseConninfo(text) ?? {};
}

function upstreamOf({ name, found }: Named, servers: readonly Named[], obstacles: string[]) {
  if (!found.inRecovery) return [];
  const { host = "", hostaddr = host, port = "5432", user } = conninfoOf(found);
  const others = servers.filter((other) => other.name !== name && `${other.found.port}` === port);
  const [match] =
    [
      others.filter(({ found: { place } }) => [host, hostaddr].includes(place.address) || place.host === host),
      // A socket or localhost: whoever is on the same host.
      others.filter(
        ({ found: { place } }) =>
          place.host === found.place.host && (host === "" || /^(\/|localhost$|127\.)/.test(host)),
      ),
    ].find((list) => list.length > 0) ?? [];
  if (match === undefined)
    obstacles.push(`${name} follows ${host || "a socket"}:${port}, which is none of these servers`);
  return [
    {
      name,
      ...(match === undefined ? {} : { upstream: match.name }),
      ...(user === undefined ? {} : { user }),
    },
  ];
}

type Settings = Readonly<Record<string, StackSetting>>;

/** What all servers have alike. */
function sharedOf(all: readonly Settings[]): Settings {
  const [one = {}, ...rest] = all;
  return Object.fromEntries(
    Object.entries(one).filter(([name, { text }]) => rest.every((other) => other[name]?.text === text)),
  );
}

function without(settings: Settings, shared: Settings): Settings {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => !(name in shared)));
}

function valuesOf(settings: Settings, origins: Record<string, string>, path: string): Record<string, unknown> {
  const sorted = Object.entries(settings).sort(([left], [right]) => (left < right ? -1 : 1));
  for (const [name, { from, line }] of sorted) {
    if (from === "postgresql.conf") continue;
    origins[`${path}.${name}`] = from === autoFile || line === undefined ? from : `${from} line ${line}`;
  }
  return Object.fromEntries(sorted.map(([name, { value }]) => [name, value]));
}

function authenticationOf({ roles }: Contents, ...names: readonly string[]): "md5" | undefined {
  return roles.some(({ name, password }) => names.includes(name) && password === "md5") ? "md5" : undefined;
}

/** Rules that all end with are the stack's; what a server has before them is its own. pgsite's own two are left out. */
function accessOf(
  servers: readonly Named[],
  administrator: string,
  authentication: "md5" | undefined,
  notes: string[],
) {
  const { version, spec } = (servers[0] as Named).found;
  const superuser = bootstrapSuperuser(administrator, spec.user);
  const method = authentication ?? (atLeast(version, "10") ? "scram-sha-256" : "md5");
  const any = { text: "all", literal: false };
  const own = new Set(
    [
      { type: "local", users: [literalName(superuser)], method: atLeast(version, "9.1") ? "peer" : "ident" },
      { type: "host", users: [literalName(administrator)], address: "127.0.0.1/32", method },
    ].map((rule) => renderHbaLine({ databases: [any], options: [], ...rule })),
  );
  const lists = servers.map(({ name, found }) => {
    const lines = found.access.flatMap(({ rule }) => (rule === undefined ? [] : [renderHbaLine(rule)]));
    if (lines.some((line) => line.includes("map="))) notes.push(`${name}: a rule uses a map of pg_ident.conf`);
    return lines.filter((line) => !own.has(line)).map(singleSpaced);
  });
  const [one = []] = lists;
  let length = 0;
  while (
    length < one.length &&
    lists.every((list) => list.length > length && list[list.length - 1 - length] === one[one.length - 1 - length])
  )
    length++;
  return {
    shared: one.slice(one.length - length),
    own: Object.fromEntries(
      servers.map(({ name }, index) => [name, (lists[index] ?? []).slice(0, (lists[index] ?? []).length - length)]),
    ),
    authentication: method === "md5" ? method : undefined,
  };
}

function singleSpaced(line: string): string {
  const plain = line.replaceAll("  ", " ");
  const meaning = (text: string) => JSON.stringify(parseHbaLine(text, "").rule);
  return meaning(plain) === meaning(line) ? plain : line;
}
