import type { Passwords, Server, Site } from "../../config/site.js";
import { defined } from "../../postgres/defined.js";
import { filedSettings } from "../../postgres/files/facts.js";
import { runsOf } from "../backups/runs.js";
import { type Session, withSession } from "../sql/session.js";
import { majorOfServer } from "../sql/versions.js";
import { problemsWith, type Report, type ServerReport } from "../status/report.js";
import { type LiveSetting, runningSettings } from "../status/runningSettings.js";
import { reportOn } from "../status/status.js";
import { lateInWords } from "../words/late.js";
import { problemInWords } from "../words/problems.js";
import { backupsOf } from "./backups.js";
import { historyOf, type Remembered } from "./history.js";
import { askHost, type HostFacts } from "./hostFacts.js";
import { watchOf } from "./incidents.js";
import type { PageDrift, PageServer, PageStack, PageStream } from "./model.js";
import { settingsOf } from "./settings.js";
import type { Update } from "./update.js";

export interface CollectOptions {
  readonly site: Site;
  readonly passwords: Passwords;
  readonly signal: AbortSignal;
  /** What a preview found: Pulumi's CLI is not ours to run. */
  readonly drift: Promise<PageDrift>;
  /** The stack's runs of Pulumi, newest first, or why they are not known. */
  readonly updates: Promise<readonly Update[] | { readonly because: string }>;
  /** Lower-case names of settings that the stack file has encrypted. @default none */
  readonly secretSettings?: ReadonlySet<string>;
}

/** Milliseconds for each thing that is asked: of a server, of a host, of the places of backups, which a host asks in turn. */
const patience = { server: 3000, host: 5000, backups: 10_000 };

/**
 * A stack as the page shows it: all its servers and hosts asked at once. Whoever does not answer in time is a fact of the page;
 * nobody is waited for any longer, and nothing fails by it.
 * @throws where the signal fires
 */
export async function collectStack(options: CollectOptions): Promise<PageStack> {
  const { site, passwords, signal } = options;
  const running = new Map<string, ReadonlyMap<string, LiveSetting>>();
  const [report, hosts, backups, updates, drift] = await Promise.all([
    reportOn({ site, passwords, signal, timeout: patience.server, connect: settingsToo(site, running) }),
    askHosts(site.servers, signal),
    askBackups(options),
    options.updates,
    options.drift,
  ]);
  signal.throwIfAborted();
  const servers = await Promise.all(
    report.servers.map(async (one, index): Promise<PageServer> => {
      const server = site.servers[index] as Server;
      return pageServer(server, one, report, {
        version: server.version,
        declared: filedSettings(textsOf(server)),
        ...defined({ running: running.get(server.name), secret: options.secretSettings }),
      });
    }),
  );
  const remembered = report.servers.flatMap(({ name, state, timeline }): readonly Remembered[] => {
    const facts = hosts.facts.get(name);
    return facts === undefined ? [] : [{ name, state, timeline, facts }];
  });
  const known = "because" in updates ? [] : updates;
  const history = historyOf(known, remembered, site.primary === undefined);
  const { watch } = site;
  const watched = watch === undefined ? undefined : watchOf({ ...site, watch }, hosts.facts, Date.now() / 1000);
  return {
    stack: site.stack,
    site: site.name,
    version: site.version,
    servers,
    streams: report.streams.map(pageStream),
    drift,
    ...defined({ backups: backups?.backups, watch: watched?.watch }),
    history: history.history,
    unknown: [
      ...("because" in updates ? [unreadHistory(updates.because)] : []),
      ...hosts.unknown,
      ...unaskedSettings(report.servers, running),
      ...(backups?.unknown ?? []),
      ...(watched?.unknown ?? []),
      ...history.unknown,
    ],
  };
}

/** The session in which a server is asked what it is also tells its settings: a round more, and no connection. */
function settingsToo(
  { servers }: Pick<Site, "servers">,
  found: Map<string, ReadonlyMap<string, LiveSetting>>,
): typeof withSession {
  return (endpoint, login, options, act) =>
    withSession(endpoint, login, options, async (session) => {
      const answer = await act(session);
      const isOurs = servers.some(({ name }) => name === endpoint.name);
      const settings = isOurs ? await askSettings(session).catch(() => undefined) : undefined;
      if (settings !== undefined) found.set(endpoint.name, settings);
      return answer;
    });
}

async function askSettings(session: Session): Promise<ReadonlyMap<string, LiveSetting>> {
  const [self] = await session.query("select current_setting('server_version_num') as number");
  return runningSettings(session, majorOfServer(self?.number ?? ""));
}

async function askHosts(servers: readonly Server[], signal: AbortSignal) {
  const facts = new Map<string, HostFacts>();
  const asked = servers.map(async (server): Promise<readonly string[]> => {
    if (server.lost !== undefined) return [];
    try {
      const answer = askHost(server, { timeout: patience.host, signal });
      facts.set(server.name, await inTime(answer, patience.host));
      return [];
    } catch (error) {
      signal.throwIfAborted();
      return [`the history and incidents of ${server.name}: ${(error as Error).message}`];
    }
  });
  return { facts, unknown: (await Promise.all(asked)).flat() };
}

async function askBackups({ site, signal }: CollectOptions) {
  const { backups } = site;
  if (backups === undefined) return undefined;
  try {
    return backupsOf(backups, await inTime(runsOf(site, signal, patience.backups), patience.backups + 1000));
  } catch (error) {
    signal.throwIfAborted();
    const nothing = backupsOf(backups, { places: [], unknown: [] });
    return { ...nothing, unknown: [`the backups cannot be asked for: ${(error as Error).message}`] };
  }
}

/** Who is connecting to a host that is silent is not waited for any longer than who is connected. */
async function inTime<T>(answer: Promise<T>, milliseconds: number): Promise<T> {
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error(`no answer within ${milliseconds / 1000} s`)), milliseconds).unref();
  });
  late.catch(() => undefined);
  return Promise.race([answer, late]);
}

function textsOf({ files }: Pick<Server, "files">): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(files).flatMap(([name, text]) => (text === null ? [] : [[name, text]])));
}

async function pageServer(
  { host }: Server,
  server: ServerReport,
  report: Report,
  compared: Parameters<typeof settingsOf>[0],
): Promise<PageServer> {
  const { name, role, address, port, dataDirectory, state, late } = server;
  const { version, timeline, lagBytes, lagSeconds, walSenders, systemIdentifier } = server;
  const known = { version, timeline, lagBytes, lagSeconds, walSenders, systemIdentifier };
  return {
    ...{ name, host: host.name, role, address, port, dataDirectory, state },
    ...(withoutNull(known) as Partial<PageServer>),
    ...(late === undefined ? {} : { late: lateInWords(late) }),
    problems: problemsWith(report.problems, name).map((problem) => {
      return { code: problem.code, message: problemInWords(problem) };
    }),
    settings: await settingsOf(compared),
  };
}

function withoutNull(properties: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== null));
}

function pageStream({ server, from, off }: Report["streams"][number]): PageStream {
  return { server, from, ...(off === undefined ? {} : { off: problemInWords(off) }) };
}

function unreadHistory(because: string): string {
  return `Pulumi's history cannot be read, so that promotions by Pulumi look like those by hand: ${because}`;
}

/** Of servers that answer. */
function unaskedSettings(servers: readonly ServerReport[], running: ReadonlyMap<string, unknown>): readonly string[] {
  return servers
    .filter(({ name, state }) => (state === "read-write" || state === "in recovery, read-only") && !running.has(name))
    .map(({ name }) => `the settings that ${name} runs with: it did not tell them in time`);
}
