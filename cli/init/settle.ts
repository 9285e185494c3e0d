import prettyBytes from "pretty-bytes";
import { dataDirectoryIn, type LayoutName, programsIn } from "../../config/layouts.js";
import type { HostSpec } from "../../hosts/host.js";
import { atLeast, type Major, majorOf, majors } from "../../postgres/versions.js";
import type { Seen, Survey } from "../../preflight/survey/facts.js";
import { addressesOf } from "../here.js";
import { isName } from "../import/import.js";
import { type GivenHost, hostForm, parseHost } from "./hostArgument.js";
import {
  addressOf,
  type DataPlace,
  dataPlaces,
  freePort,
  layoutOn,
  networkOf,
  programsOf,
  versionsOn,
} from "./propose.js";
import type { Asker } from "./questions.js";
import type { NewServer, NewSite } from "./stackText.js";

/** What `pgsite init` is told by flags. */
export interface InitFlags {
  readonly stack?: string;
  readonly site?: string;
  readonly host?: readonly string[];
  readonly login?: string;
  readonly address?: readonly string[];
  readonly primary?: string;
  readonly postgresql?: string;
  readonly port?: string;
  readonly layout?: LayoutName;
  readonly dataDirectory?: readonly string[];
  readonly osUser: string;
  readonly binaries?: string;
  readonly install?: boolean;
}

/** What must be known before anybody looks at a host. */
export interface Named {
  readonly stack: string;
  readonly site: string;
  readonly hosts: readonly GivenHost[];
  readonly primary: string;
}

/** @throws with every flag that is missing, if nobody can be asked */
export async function nameAll(flags: InitFlags, asker: Asker | undefined): Promise<Named> {
  const { host: given = [] } = flags;
  if (asker === undefined) {
    const missing = [
      ...(flags.stack === undefined ? ["--stack NAME"] : []),
      ...(given.length === 0 ? [`--host NAME=ADDRESS (once for each)`] : []),
      ...(given.length > 1 && flags.primary === undefined ? ["--primary NAME (of the host that takes writes)"] : []),
    ];
    if (missing.length > 0) throw new Error(`nobody can be asked here, so name them: ${missing.join(", ")}`);
  }
  const stack =
    flags.stack ?? (await ask(asker, "What is the stack called? Its file is Pulumi.NAME.yaml", "production"));
  mustBeName("--stack", stack);
  const site = flags.site ?? (await ask(asker, "What is the site called, the database as a whole?", stack));
  mustBeName("--site", site);
  const hosts = given.map((one, index) => parseHost(one, index + 1, flags.login));
  if (given.length === 0 && asker !== undefined) hosts.push(...(await askHosts(asker, flags.login)));
  const names = hosts.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`two hosts are called ${twice}: name them, --host NAME=ADDRESS`);
  const primary = flags.primary ?? (await choose(asker, "Which of them takes writes?", names));
  if (!names.includes(primary)) throw new Error(`--primary ${primary} is none of the hosts: ${names.join(", ")}`);
  return { stack, site, hosts, primary };
}

function mustBeName(flag: string, name: string): void {
  if (!isName(name)) throw new Error(`${flag} ${name}: a name is made of lower-case letters, digits, - and _`);
}

function ask(asker: Asker | undefined, message: string, proposal: string): Promise<string> | string {
  const problem = (answer: string) => (isName(answer) ? undefined : "lower-case letters, digits, - and _");
  return asker?.text({ message, proposal, problem }) ?? proposal;
}

async function askHosts(asker: Asker, login: string | undefined): Promise<GivenHost[]> {
  const hosts: GivenHost[] = [];
  const none = "-";
  for (;;) {
    const number = hosts.length + 1;
    const answer = await asker.text({
      message: number === 1 ? `The first host: ${hostForm}` : "The next host (nothing: that is all)",
      ...(number === 1 ? {} : { proposal: none }),
      problem: (text) => (text === none && number > 1 ? undefined : problemOf(() => parseHost(text, number, login))),
    });
    if (answer === none) return hosts;
    hosts.push(parseHost(answer, number, login));
  }
}

function problemOf(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

async function choose(asker: Asker | undefined, message: string, names: readonly string[]): Promise<string> {
  if (asker === undefined || names.length === 1) return names[0] as string;
  return asker.select({ message, choices: names.map((value) => ({ value, label: value })) });
}

/** The site, from what was named and what was found. @throws if something that is needed was neither */
export async function settle(
  named: Named,
  seen: readonly Seen[],
  flags: InitFlags,
  asker: Asker | undefined,
): Promise<NewSite> {
  const found = seen.flatMap((one) => ("unreachable" in one ? [] : [one]));
  const version = await versionFor(found, flags, asker);
  const fitting = layoutOn(found, version);
  const layout = await layoutFor(fitting, flags, asker);
  const folders = byHost("--data-directory", flags.dataDirectory ?? [], named);
  const addresses = byHost("--address", flags.address ?? [], named);
  const servers: NewServer[] = [];
  for (const { host } of seen) {
    const survey = found.find((one) => one.host.name === host.name);
    const place = await placeFor(host, survey, folders.get(host.name), { site: named.site, version, layout }, asker);
    const peers = found.filter((one) => one !== survey);
    servers.push({ host: await addressed(host, survey, peers, addresses.get(host.name)), ...place });
  }
  const first = found[0];
  const [network] = servers.flatMap(({ host }) => {
    const prefix = first?.addresses.find(({ address }) => address === host.address)?.prefix;
    return prefix === undefined ? [] : [networkOf(host.address, prefix)];
  });
  const binaries = flags.binaries ?? unusual(found, version, layout);
  return {
    ...named,
    version,
    layout,
    layoutFits: fitting,
    servers,
    port: flags.port === undefined ? freePort(found) : Number(flags.port),
    osUser: flags.osUser,
    ...(binaries === undefined ? {} : { binaries }),
    withoutService: [],
    install: flags.install === true,
    network: network ?? "192.0.2.0/24",
    md5: !atLeast(version, "10"),
  };
}

async function versionFor(
  found: readonly Survey[],
  { postgresql }: InitFlags,
  asker: Asker | undefined,
): Promise<Major> {
  if (postgresql !== undefined) {
    const major = majorOf(postgresql);
    if (major === undefined) throw new Error(`--postgresql ${postgresql}: pgsite knows ${majors.join(", ")}`);
    return major;
  }
  const versions = versionsOn(found);
  const [newest] = versions;
  if (versions.length === 1 && newest !== undefined) return newest;
  if (asker === undefined) {
    if (newest !== undefined) return newest;
    throw new Error(
      "no version of PostgreSQL is on all of these hosts: say which it shall be by --postgresql, and install it there (or let pgsite do that: --install)",
    );
  }
  const choices = versions.length > 0 ? versions : [...majors].reverse();
  const message =
    versions.length > 0
      ? "Which version of PostgreSQL?"
      : "Which version of PostgreSQL? None is on all hosts: it is still to be installed there";
  return asker.select({ message, choices: choices.map((value) => ({ value, label: value })) });
}

async function layoutFor(
  fitting: LayoutName | undefined,
  flags: InitFlags,
  asker: Asker | undefined,
): Promise<LayoutName> {
  if (flags.layout !== undefined || fitting === undefined || asker === undefined) return flags.layout ?? "plain";
  return asker.select({
    message: "Where do the servers have their parts?",
    choices: [
      { value: "plain", label: "all in the data directory" },
      { value: fitting, label: "where Debian has them", hint: "/etc/postgresql, /var/log; pg_lsclusters knows them" },
    ],
  });
}

/** Values by host, of a flag that takes `NAME=VALUE`, or one value for all. */
function byHost(flag: string, given: readonly string[], { hosts }: Named): ReadonlyMap<string, string> {
  const names = hosts.map(({ name }) => name);
  return new Map(
    given.flatMap((text) => {
      const [, name, value] = /^([a-z0-9_-]+)=(.+)$/.exec(text) ?? [];
      if (name === undefined || value === undefined) return names.map((one) => [one, text] as const);
      if (!names.includes(name)) throw new Error(`${flag} ${text}: ${name} is none of the hosts: ${names.join(", ")}`);
      return [[name, value] as const];
    }),
  );
}

async function placeFor(
  host: HostSpec,
  survey: Survey | undefined,
  given: string | undefined,
  { site, version, layout }: Pick<NewSite, "site" | "version" | "layout">,
  asker: Asker | undefined,
): Promise<Omit<NewServer, "host">> {
  if (given !== undefined) return { dataDirectory: given };
  // Its one cluster of a version is where its unit looks.
  const only = layout === "pgdg" || layout === "arch" ? dataDirectoryIn(layout, version) : undefined;
  if (only !== undefined) return { dataDirectory: only };
  const places = survey === undefined ? [] : dataPlaces(survey, site, version);
  const [proposed = { dataDirectory: `/var/lib/postgresql/${version}/${site}`, open: false }] = places;
  if (asker === undefined || places.length < 2) return withRoom(proposed);
  const dataDirectory = await asker.select({
    message: `Where does ${host.name} have its data?`,
    choices: places.map((place) => ({ value: place.dataDirectory, label: place.dataDirectory, ...hintOf(place) })),
  });
  return withRoom(places.find((place) => place.dataDirectory === dataDirectory) ?? proposed);
}

function withRoom({ dataDirectory, free }: DataPlace): Omit<NewServer, "host"> {
  return { dataDirectory, ...(free === undefined ? {} : { free }) };
}

function hintOf({ free }: DataPlace): { readonly hint?: string } {
  return free === undefined ? {} : { hint: `${prettyBytes(free)} free` };
}

/** PostgreSQL's address of a host, and ssh's name of it where that is another. */
async function addressed(
  host: HostSpec,
  survey: Survey | undefined,
  peers: readonly Survey[],
  given: string | undefined,
): Promise<HostSpec> {
  const destination = host.address;
  const address = given ?? addressOf(destination, await addressesOf(destination), survey, peers).address;
  if (address === destination || host.transport === "local") return { ...host, address };
  return { ...host, address, ssh: destination };
}

/** The folder of the programs, where one and the same on all hosts is not what the version's packages have. */
function unusual(found: readonly Survey[], version: Major, layout: LayoutName): string | undefined {
  const folders = [...new Set(found.map((survey) => programsOf(survey, version)?.folder))];
  const [folder] = folders;
  return folders.length === 1 && folder !== undefined && folder !== programsIn(layout, version) ? folder : undefined;
}
