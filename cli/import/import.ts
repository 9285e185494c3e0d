import { passwordKey } from "../../config/parse.js";
import { resolveStack } from "../../config/resolve.js";
import { type SecretPlace, secretPath, secretPlaces } from "../../config/secrets.js";
import type { Server, Site } from "../../config/site.js";
import { defined } from "../../postgres/defined.js";
import { asksOf, sortedAsks } from "../../postgres/files/hba/index.js";
import { shownValue } from "../../postgres/secrets/index.js";
import { isRefusal } from "../../postgres/serverProblems.js";
import { type Address, SqlUnreachable } from "../../servers/sql/session.js";
import { runningOtherwise } from "../../servers/status/live.js";
import { adopt, firstWrite } from "./adopt.js";
import { askContents, askRunning, type Running } from "./ask.js";
import { conninfoOf, describe, type Named, type StackKeys } from "./describe.js";
import { type OtherJobs, readOtherJobs } from "./otherJobs.js";
import { type HandMade, type Place, readHandMade } from "./read.js";
import { rawOf, renderStackFile } from "./stackFile.js";

export interface ImportOptions {
  readonly site: string;
  readonly stack: string;
  readonly administrator: string;
  /** Of the administrator; undefined where the server asks for none, or lets its OS user in without. */
  readonly password: string | undefined;
  readonly places: readonly Place[];
  /** Whether the database exists once. @default a standby may follow */
  readonly standalone?: boolean;
  /** Names of the servers, in the order of the places. @default application_name of a standby, else its host's name */
  readonly names?: readonly string[];
}

/** Everything that an import would do, before anything is done. */
export interface ImportPlan {
  readonly stackFile: string;
  readonly site: Site;
  readonly servers: readonly { readonly name: string; readonly found: HandMade; readonly server: Server }[];
  /** Passwords that must be given. `isSet`: the role has one, which nothing can read. */
  readonly passwords: readonly { readonly key: string; readonly role: string; readonly isSet: boolean }[];
  /** Places in the stack file whose secret is masked, as Pulumi takes them after `--path`: to be set before the first `up`. */
  readonly secrets: readonly string[];
  /** What the stack file does not say. */
  readonly notes: readonly string[];
  /** By server: what its files get when pgsite first writes them. */
  readonly firstWrites: readonly { readonly name: string; readonly changes: readonly string[] }[];
  /** By host: what runs there beside the servers, and goes on as it is; and what of that nobody could read. */
  readonly otherJobs: readonly ({ readonly host: string } & OtherJobs)[];
}

/** These servers cannot be taken over as they are. Nothing was written anywhere. */
export class CannotImport extends Error {
  constructor(reasons: readonly string[]) {
    super(
      ["these servers cannot be imported as they are; nothing was written:", ...reasons.map((one) => `  ${one}`)].join(
        "\n",
      ),
    );
    this.name = "CannotImport";
  }
}

function isRefused(error: unknown): error is SqlUnreachable {
  return error instanceof SqlUnreachable && isRefusal(error.kind);
}

/** No password was given, and the OS user is not let in without one. */
class NotLetIn extends Error {
  constructor(cause: SqlUnreachable, administrator: string) {
    super(
      `${cause.message}. Export PGPASSWORD (or keep it in ~/.pgpass); no password is needed where a rule lets the server's OS user in as ${administrator} by its Unix socket (local all ${administrator} peer)`,
      { cause },
    );
    this.name = "NotLetIn";
  }
}

/**
 * Reads hand-made servers and describes them as a stack. Changes nothing.
 * @throws NotAServer @throws CannotImport @throws SqlUnreachable where the primary does not let the administrator in
 */
export async function planImport(options: ImportOptions): Promise<ImportPlan> {
  const { site, stack, administrator, password, standalone } = options;
  const found = await Promise.all(options.places.map(readHandMade));
  const servers = nameServers(found, options.names ?? []);
  const login = { user: administrator, password: password ?? "" };
  const primary = servers.find((server) => !server.found.inRecovery);
  if (primary === undefined) throw new CannotImport(["none of these servers is a primary: name the primary too"]);
  const others = Promise.all(found.map(readOtherJobs));
  const [contents, ...running] = await Promise.all([
    askContents(endpointOf(primary, administrator), login),
    ...servers.map((server) => stateOf(server, login)),
  ]).catch((error: unknown) => {
    throw password === undefined && isRefused(error) ? new NotLetIn(error, administrator) : error;
  });
  const slots = running.flatMap((state) => state.slots);
  const described = describe({ site, administrator, servers, contents, slots, ...defined({ standalone }) });
  const { stack: resolved, problems } = resolveStack(stack, rawOf(described.keys));
  const errors = problems.filter(({ severity }) => severity === "error");
  const obstacles = [
    ...described.obstacles,
    ...running.flatMap((state) => state.obstacles),
    ...errors.map(({ path, message }) => `${path}: ${message}`),
  ];
  if (obstacles.length > 0 || resolved === undefined) throw new CannotImport(obstacles);
  const { site: described_ } = resolved;
  const secrets = secretPlaces(described.keys);
  const all = servers.map(({ name, found: handMade }) => ({
    name,
    found: handMade,
    server: described_.servers.find((server) => server.name === name) as Server,
  }));
  return {
    stackFile: renderStackFile({ ...described, keys: withoutSecrets(described.keys, secrets) }, stack),
    site: described_,
    servers: all,
    passwords: [...new Set([administrator, described.replicationRole])].map((role) => ({
      key: passwordKey(role),
      role,
      isSet: contents.roles.some(({ name, password: kept }) => name === role && kept !== "none"),
    })),
    secrets: secrets.map(({ path }) => secretPath(path)),
    notes: [...described.notes, ...running.flatMap((state) => state.notes)],
    firstWrites: all.map(({ name, found: handMade, server }) => ({
      name,
      changes: firstWrite(handMade, server).changes,
    })),
    otherJobs: byHost(found, await others),
  };
}

/** Servers of one host see the same there, each what is about it. */
function byHost(found: readonly HandMade[], jobs: readonly OtherJobs[]): ImportPlan["otherJobs"] {
  const hosts = [...new Set(found.map(({ place }) => place.host))];
  const distinct = <T>(list: readonly T[]) => [...new Map(list.map((one) => [JSON.stringify(one), one])).values()];
  return hosts.map((host) => {
    const here = jobs.filter((_, index) => found[index]?.place.host === host);
    return {
      host,
      found: distinct(here.flatMap((one) => one.found)),
      unread: distinct(here.flatMap((one) => one.unread)),
    };
  });
}

/** The keys with masks in place of secrets. */
function withoutSecrets(keys: StackKeys, secrets: readonly SecretPlace[]): StackKeys {
  const copy = structuredClone(keys) as Record<string, unknown>;
  for (const { path, shown } of secrets) {
    const [last, ...before] = [...path].reverse();
    const holder = before.reverse().reduce<unknown>((found, part) => (found as Record<string, unknown>)[part], copy);
    (holder as Record<string, unknown>)[last as string] = shown;
  }
  return copy;
}

/** Marks the servers of a plan as known. Run again, it does the same again. */
export async function adoptAll({ site, servers }: ImportPlan): Promise<void> {
  for (const { server, found } of servers) await adopt(site, server, found);
}

/** A standby goes by the name that its upstream knows it by; any other by its host's. */
function nameServers(found: readonly HandMade[], given: readonly string[]): Named[] {
  const taken = new Set<string>();
  return found.map((one, index) => {
    const application = one.inRecovery ? conninfoOf(one).application_name : undefined;
    const wishes = [given[index], application, one.place.host, `${one.place.host}-${one.port}`];
    const name = wishes.find((wish) => wish !== undefined && isName(wish) && !taken.has(wish)) ?? `server-${index + 1}`;
    taken.add(name);
    return { name, found: one };
  });
}

export function isName(text: string): boolean {
  return /^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$/.test(text) && text.length <= 40;
}

/** Nobody has declared yet what it must prove: it may ask as its own rules do. */
function endpointOf({ name, found }: Named, user: string): Address {
  const { address, dataDirectory } = found.place;
  const rules = found.access.flatMap(({ rule }) => rule ?? []);
  // From its own host pgsite comes to it by loopback.
  const asks = sortedAsks([address, "127.0.0.1"].flatMap((to) => asksOf(rules, { user, replicates: false, to })));
  return { name, address, port: found.port, host: found.spec, dataDirectory, proof: { tls: "none", asks } };
}

/** What a running server says against its files. A warm standby says nothing, and need not. */
async function stateOf(
  server: Named,
  login: { user: string; password: string },
): Promise<{ obstacles: string[]; notes: string[]; slots: readonly string[] }> {
  const { name, found } = server;
  try {
    const running = await askRunning(endpointOf(server, login.user), login);
    const { inRecovery, pendingRestart, slots, barredByRules } = running;
    return {
      slots,
      notes: barredByRules
        ? [
            `${name}: its rules let ${login.user} in by the OS user alone, and over TCP not even from its own host: the first up writes pg_hba.conf, with pgsite's own rule before the others`,
          ]
        : [],
      obstacles: [
        ...(inRecovery === found.inRecovery
          ? []
          : [
              `${name} is ${inRecovery ? "" : "not "}in recovery, and its files say the opposite: restart it, or put them right`,
            ]),
        ...pendingRestart.map(
          (setting) =>
            `${name}: ${setting} was changed in its files and waits for a restart: restart it, or take the change back`,
        ),
        ...running.refused.map(
          (line) =>
            `${name}: ${line} (by the server itself): put the line right and reload, so that its files say what runs`,
        ),
        ...(await readOtherwise(server, running)),
      ],
    };
  } catch (error) {
    if (found.inRecovery && error instanceof SqlUnreachable && error.kind === "cannotConnectNow")
      return { obstacles: [], notes: [], slots: [] };
    throw error;
  }
}

/** Settings that it runs with and that were read otherwise: edited and not reloaded, or not read as the server reads them. */
async function readOtherwise({ name, found }: Named, running: Running): Promise<readonly string[]> {
  const beside = await runningOtherwise(running, new Map(Object.entries(found.settings)));
  const said = new Set(running.pendingRestart);
  return Object.entries(beside).flatMap(([setting, { value, source }]) => {
    const read = found.settings[setting.toLowerCase()];
    if (said.has(setting) || (read === undefined && source !== "configuration file")) return [];
    const runs = `it runs with ${shownValue(setting, value)}`;
    if (read === undefined)
      return [`${name}: ${setting} is in none of the files that were read, and ${runs}: reload it`];
    const at = read.line === undefined ? read.from : `${read.from} line ${read.line}`;
    return [
      `${name}: ${setting} in ${at} is ${shownValue(setting, read.value)}, and ${runs}: reload it, or put the file right`,
    ];
  });
}
