import { minorOf } from "../postgres/minor.js";
import type { Problem } from "../postgres/problem.js";
import type { Note } from "../postgres/settings/resolve.js";
import { atLeast, type Major, majorOf, majors } from "../postgres/versions.js";
import { jobsOf } from "./backups.js";
import { checkServers, checkStack } from "./checks.js";
import { type Clients, clientsOf } from "./clients.js";
import { type Containers, containersOf } from "./containers.js";
import { Context } from "./context.js";
import { describeServer } from "./describe.js";
import { type Holes, isWithin } from "./holes.js";
import type { ServerInputs } from "./inputs.js";
import { parseStack, type RawConfiguration } from "./parse.js";
import { rehearse } from "./rehearse.js";
import { bytesOfRate } from "./schema/values.js";
import type { ServerDescription, StackDescription } from "./schema.js";
import { maskedSecrets } from "./secrets.js";
import type { BaseBackupChoice, Server, Site } from "./site.js";
import { checkTls } from "./tls.js";
import { wishesOf } from "./upgrade.js";
import { type Viewers, viewersOf } from "./viewers.js";

/** A stack, resolved: the site as plain data, what its components are made from, and all that is wrong with it. */
export interface ResolvedStack {
  readonly description: StackDescription;
  readonly site: Site;
  /** By server; `site.servers` holds what is rendered from them. */
  readonly inputs: Readonly<Record<string, ServerInputs>>;
  /** What it makes in Docker; absent where it makes nothing. */
  readonly containers?: Containers;
  /** What leads programs to the primary. */
  readonly clients: Clients;
  /** @default the site has none */
  readonly viewers?: Viewers;
  /** What was translated to the version's own names: shown in the preview. */
  readonly notes: readonly Note[];
}

interface Options {
  /** A missing password or key is an error: nothing can be brought up without. */
  readonly complete?: boolean;
  /** When certificates are judged. */
  readonly now?: Date;
}

interface Resolved {
  readonly stack: ResolvedStack;
  readonly problems: readonly Problem[];
}

/** What a stack file says, and all that is wrong with it. */
export interface Judged {
  readonly problems: readonly Problem[];
  /** Absent where something is wrong in form: nothing can be made of it. */
  readonly stack?: ResolvedStack;
  /** With something in the place of what is wrong in form, for those who judge more of it. */
  readonly description: StackDescription;
  readonly holes: Holes;
}

/**
 * Resolves a stack's configuration. All problems are reported together, each once, sorted as found: form first, then what the
 * site says of itself, then each server.
 */
export function resolveStack(name: string, raw: RawConfiguration, options: Options = {}): Judged {
  const { description, problems: form, holes, renamed } = parseStack(raw);
  const at = (postgresql: string) => resolveDescription(name, { ...description, postgresql }, raw, options);
  const { stack, problems } = at(description.postgresql);
  // Of a version that nobody knows, what is wrong at every one: there, or in all of what it is in.
  const others = holes.has("postgresql") ? majors.map((major) => at(major).problems.map((one) => one.path)) : [];
  const found = holes
    .certain(problems)
    .filter(({ path }) => others.every((paths) => paths.some((other) => isWithin(path, other))));
  return {
    problems: unique([...form, ...found]).map((problem) => withNames(problem, renamed)),
    ...(holes.isEmpty ? { stack } : {}),
    description,
    holes,
  };
}

/** With the names that the stack file has. */
function withNames({ path, message, severity }: Problem, renamed: ReadonlyMap<string, string>): Problem {
  const restored = (text: string) =>
    [...renamed].reduce((found, [standIn, name]) => found.replaceAll(standIn, name), text);
  return { path: restored(path), message: restored(message), severity };
}

function resolveDescription(
  name: string,
  parsed: StackDescription,
  raw: RawConfiguration,
  { complete = false, now = new Date() }: Options,
): Resolved {
  const { rehearsal } = parsed;
  const description = rehearsal === undefined ? parsed : rehearse(parsed, rehearsal);
  const problems = [...maskedSecrets(description), ...checkStack(description, raw, complete)];

  const version = majorOf(description.postgresql) as Major;
  const context = new Context(name, description, version);
  const servers: Server[] = [];
  const notes: Note[] = [];
  const inputs: Record<string, ServerInputs> = {};
  for (const server of Object.keys(description.servers).sort()) {
    const input = context.inputsOf(server);
    const described = describeServer(context.roleOf(server), server, input);
    inputs[server] = input;
    servers.push(withLoss(described.server, description.servers[server]));
    problems.push(...described.problems);
    notes.push(...described.notes);
  }
  problems.push(...checkServers(version, description, servers));
  problems.push(...checkTls(description, raw, servers, { complete, now }));
  const { primary, standalone, tls } = description;
  const site: Site = {
    name: description.site,
    stack: name,
    version,
    administrator: description.administrator,
    replicationRole: context.facts.replicationRole,
    ...(primary === undefined ? {} : { primary }),
    ...(standalone === undefined ? {} : { standalone: true }),
    ...outsideOf(context, description),
    servers,
    initdb: {
      locale: description.initdb.locale,
      encoding: description.initdb.encoding,
      dataChecksums: description.initdb.dataChecksums ?? atLeast(version, "9.3"),
    },
    ...hostsOf(description),
    ...(tls === undefined
      ? {}
      : { tls: { required: tls.required, ...(tls.authority === undefined ? {} : { authority: tls.authority }) } }),
    baseBackup: baseBackupOf(description),
    ...(description.hooks.fence === undefined ? {} : { fence: description.hooks.fence }),
    ...seedAgainOf(description),
    ...jobsOf(description, (host, user) => context.hostSpecOf(host, user)),
    ...(description.upgrade === undefined ? {} : { upgrade: wishesOf(description.upgrade) }),
  };
  const containers = containersOf(name, description);
  const clients = clientsOf(description, servers, (host, user) => context.hostSpecOf(host, user));
  const viewers = viewersOf(description, servers, (host, user) => context.hostSpecOf(host, user));
  return {
    stack: {
      description,
      site,
      inputs,
      clients,
      ...(viewers === undefined ? {} : { viewers }),
      notes: unique(notes),
      ...(containers === undefined ? {} : { containers }),
    },
    problems,
  };
}

/** The servers of another stack that mirrors of this one follow. */
function outsideOf(context: Context, { upstream: declared }: StackDescription): Pick<Site, "upstream" | "others"> {
  if (declared === undefined) return {};
  const [upstream, ...others] = context.upstreamEndpoints(declared);
  return { ...(upstream === undefined ? {} : { upstream }), ...(others.length === 0 ? {} : { others }) };
}

function withLoss(server: Server, declared: ServerDescription | undefined): Server {
  return declared?.lost === true ? { ...server, lost: { acceptDataLoss: declared.acceptDataLoss } } : server;
}

function seedAgainOf({ servers }: StackDescription): Pick<Site, "seedAgain"> {
  const names = Object.keys(servers).filter((name) => servers[name]?.seedAgain === true);
  return names.length === 0 ? {} : { seedAgain: names.sort() };
}

const daysOfYear = 365;

/** What the site asks of its hosts beside its servers' settings; nothing of it is said where the stack says nothing. */
function hostsOf({
  databases,
  expectedGrowth,
  install,
  slots,
  postgresql,
  rehearsal,
}: StackDescription): Partial<Site> {
  // A rehearsal has whatever programs there are here.
  const minor = rehearsal === undefined ? minorOf(postgresql) : undefined;
  const locales = Object.values(databases).flatMap(({ locale }) => locale ?? []);
  return {
    ...(locales.length === 0 ? {} : { databaseLocales: [...new Set(locales)].sort() }),
    ...(expectedGrowth === undefined
      ? {}
      : {
          expectedGrowth: Math.round(expectedGrowth.years * daysOfYear * expectedGrowth.perDay),
          growthPerDay: Math.round(expectedGrowth.perDay),
        }),
    ...(install === "packages" ? { install } : {}),
    ...(minor === undefined ? {} : { minor }),
    ...(slots.length === 0 ? {} : { slots }),
  };
}

function baseBackupOf({ baseBackup: { method, rateLimit } }: StackDescription): BaseBackupChoice {
  return { method, ...(rateLimit === undefined ? {} : { rateLimit: bytesOfRate(rateLimit) }) };
}

/** A problem of the stack's own rules is found at each server, and said once. */
function unique<T extends Note>(problems: readonly T[]): T[] {
  return [...new Map(problems.map((problem) => [`${problem.path} ${problem.message}`, problem])).values()];
}
