import { controlDirectoryOf } from "../config/controlDirectory.js";
import { placesOfSockets } from "../config/socketFolders.js";
import { type Host, type HostSpec, HostTimeout, HostUnreachable, NotThatUser } from "../hosts/host.js";
import { keyText } from "../hosts/key.js";
import type { HostFacts, Observation, RootAccess } from "./facts.js";
import { debian } from "./packages/families.js";
import { Lines, parseFacts } from "./parse.js";
import { reach } from "./reach.js";
import type { Place, PreflightRequest, ServerRequest } from "./request.js";
import { factsScript } from "./script.js";
import { strangersOn } from "./way.js";

export type HostOf = (spec: HostSpec) => Host | Promise<Host>;

/** Milliseconds: measuring a large data directory takes its time. A mount whose server is gone hangs for ever. */
const patience = { looking: 60_000, measuring: 5 * 60_000 } as const;

export interface Looking {
  /** Whether data directories are measured. */
  readonly measure: boolean;
  /** Whether server programs are run to ask them, as the OS user, where nobody else decides what they are. */
  readonly run: boolean;
}

/** Looks at every host of a request, all at once, with one program on each. Changes nothing, never throws. */
export async function collect(
  request: PreflightRequest,
  hostOf: HostOf,
  looking: Looking,
): Promise<readonly Observation[]> {
  const places: readonly Place[] = [...request.servers, ...(request.source === undefined ? [] : [request.source])];
  const hosts = new Map(places.map(({ host }) => [host.name, host]));
  const root = rootOnce(hostOf);
  return Promise.all(
    [...hosts.values()].map(async (host): Promise<Observation> => {
      const here = places.filter((place) => place.host.name === host.name);
      try {
        return { host, facts: await withReach(await factsOf(request, host, here, { hostOf, root }, looking), here) };
      } catch (error) {
        const unreachable = error instanceof Error ? error.message : `${error}`;
        return { host, unreachable, ...userOf(error) };
      }
    }),
  );
}

function userOf(error: unknown) {
  return error instanceof NotThatUser ? { user: { is: error.why, ofMany: error.ofMany } } : {};
}

function insteadOf(error: unknown) {
  if (error instanceof NotThatUser) return { because: error.reason, ofMany: error.ofMany };
  const because = error instanceof Error ? error.message : `${error}`;
  return { because, ofMany: because };
}

/** As the OS user; where we cannot be that user there, as root, so that the rest can still be told. */
async function factsOf(
  request: PreflightRequest,
  spec: HostSpec,
  places: readonly Place[],
  { hostOf, root: ofRoot }: Access,
  { measure, run }: Looking,
): Promise<HostFacts> {
  const ask = async (user: string) => look(request, await hostOf({ ...spec, user }), spec.user, places, measure);
  const judged = places.some(isOwn);
  // Who does not answer the OS user is not asked again: each time takes as long.
  const root = async () => (judged ? ofRoot(spec) : unasked);
  try {
    const facts = { ...(await ask(spec.user)), root: await root() };
    return run ? withVersions(facts, await hostOf(spec), places) : facts;
  } catch (error) {
    const isCut = error instanceof HostUnreachable && !(error instanceof NotThatUser);
    if (isCut || error instanceof HostTimeout || spec.user === "root") throw error;
    const facts = await ask("root").catch(() => undefined);
    if (facts === undefined) throw error;
    return { ...facts, root: await root(), instead: insteadOf(error) };
  }
}

const unasked: RootAccess = { can: false, why: "nobody asked" };

interface Access {
  readonly hostOf: HostOf;
  readonly root: (spec: HostSpec) => Promise<RootAccess>;
}

/** Each way to be root is asked once, by however many names its machine goes. */
function rootOnce(hostOf: HostOf): Access["root"] {
  const asked = new Map<string, Promise<RootAccess>>();
  return async (spec) => {
    const { machine } = await hostOf(spec);
    const key = keyText([machine, spec.ssh, spec.login, spec.become]);
    const access = asked.get(key) ?? rootAccess(spec, hostOf);
    asked.set(key, access);
    return access;
  };
}

/** Whether we can be root there. @throws HostUnreachable where there is no way to the host at all */
async function rootAccess(spec: HostSpec, hostOf: HostOf): Promise<RootAccess> {
  try {
    // A look is enough, and starts no program.
    await (await hostOf({ ...spec, user: "root" })).stat("/");
    return { can: true };
  } catch (error) {
    const why = error instanceof HostUnreachable ? error.reason : error instanceof Error ? error.message : `${error}`;
    if (error instanceof HostUnreachable && !(error instanceof NotThatUser)) throw error;
    const login = spec.transport === "ssh" ? await loginOf(spec, hostOf) : undefined;
    return { can: false, why, ...(login === undefined ? {} : { login }) };
  }
}

const whoScript = "id -un; command -v sudo >/dev/null 2>&1 && sudo -n -l 2>/dev/null";

/** Who one is after the login, and the rules of sudo's that ask no password. */
async function loginOf(spec: HostSpec, hostOf: HostOf) {
  try {
    const { stdout } = await (await hostOf({ ...spec, user: "" })).run(["sh", "-c", whoScript]);
    const [user = "", ...lines] = stdout.split("\n").map((line) => line.trim());
    return { user, sudo: lines.filter((line) => /^\(.*\).*NOPASSWD:/.test(line)) };
  } catch {
    return undefined;
  }
}

/** Whether SQL gets to its servers. */
async function withReach(facts: HostFacts, places: readonly Place[]): Promise<HostFacts> {
  const reached = await Promise.all(
    places.map(async (place) => {
      const known = facts.servers[place.name];
      const found = known !== undefined && isOwn(place) ? await reach(place, facts) : undefined;
      return known === undefined || found === undefined ? [] : [[place.name, { ...known, reached: found }] as const];
    }),
  );
  return { ...facts, servers: { ...facts.servers, ...Object.fromEntries(reached.flat()) } };
}

/** Another stack's is only compared with. */
function isOwn(place: Place | ServerRequest): place is ServerRequest {
  return "port" in place;
}

/** What the programs themselves say of their version, which shows that they run. */
async function withVersions(facts: HostFacts, host: Host, places: readonly Place[]): Promise<HostFacts> {
  const asked = await Promise.all(
    places.map(async (place) => {
      const known = facts.servers[place.name];
      if (known?.postgres === undefined || !isOwn(place)) return [];
      if (strangersOn(known.way, facts.osUser).some(({ who }) => who !== "its group")) return [];
      const { stdout, stderr } = await host.run([`${place.binDirectory}/postgres`, "-V"]);
      return [[place.name, { ...known, postgres: `${stdout}${stderr}`.trim(), ran: true }] as const];
    }),
  );
  return { ...facts, servers: { ...facts.servers, ...Object.fromEntries(asked.flat()) } };
}

async function look(
  request: PreflightRequest,
  host: Host,
  osUser: string,
  places: readonly Place[],
  measure: boolean,
): Promise<Omit<HostFacts, "root">> {
  const argv = ["sh", "-c", factsScript, "sh", osUser, measure ? "yes" : "no", debian.server(request.version)];
  const sent = Date.now() / 1000;
  const { code, stdout, stderr } = await host.run([...argv, ...places.flatMap(argumentsOf)], {
    timeout: measure ? patience.measuring : patience.looking,
  });
  const received = Date.now() / 1000;
  const lines = new Lines(stdout);
  if (!lines.flag("end")) {
    const words = stderr.trim() || `sh ended with status ${code} and said nothing`;
    throw new Error(`${host.name} cannot be looked at as ${host.user}: ${words}`);
  }
  const names = places.map(({ name }) => name);
  return { host: host.name, machine: host.machine, osUser, ...parseFacts(lines, { sent, received }, names) };
}

/** What the script takes of each server; of one that is not ours to judge, neither programs nor port nor sockets. */
function argumentsOf(place: Place | ServerRequest): readonly string[] {
  const { name, dataDirectory } = place;
  const own = isOwn(place);
  return [
    name,
    dataDirectory,
    own ? place.controlDirectory : controlDirectoryOf(dataDirectory),
    own ? place.binDirectory : "/nonexistent",
    own ? `${place.port}` : "0",
    own ? [placesOfSockets(place)].flat().join("\n") : "",
    own ? (place.service?.name ?? "") : "",
    own ? (place.configurationFolders ?? []).join("\n") : "",
    own ? jobFolders(place).join("\n") : "",
    own ? (place.jobs?.clients ?? []).join(" ") : "",
  ];
}

function jobFolders({ jobs }: ServerRequest): readonly string[] {
  if (jobs === undefined) return [];
  return [...jobs.folders.map(({ path }) => path), ...(jobs.metrics === undefined ? [] : [jobs.metrics])];
}
