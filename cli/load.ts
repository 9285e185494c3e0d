import { setMaxListeners } from "node:events";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { passwordKey, type RawConfiguration } from "../config/parse.js";
import { resolveStack } from "../config/resolve.js";
import { notMade, type Passwords, type Site } from "../config/site.js";
import { withAuthority } from "../config/tls.js";
import type { Viewers } from "../config/viewers.js";
import { declareLost } from "../hosts/lost.js";
import { defined } from "../postgres/defined.js";
import { shownInLine } from "../postgres/shown.js";
import { receiveHandover } from "./context/receive.js";
import { knownStacks, runPulumi } from "./pulumi.js";

/** Milliseconds for a question to Pulumi's state. */
const patience = 60_000;

/** A stack's site as a command needs it. */
export interface LoadedSite {
  readonly site: Site;
  /** Of the administrator and the replication role; one that the stack does not have is missing. */
  readonly passwords: Passwords;
  /** Fires when the command must stop: the `up` that it belongs to is gone, or the user pressed Ctrl-C. */
  readonly signal: AbortSignal;
  /** Its web viewers; of a site that an `up` hands over they are not said. @default it has none */
  readonly viewers?: Viewers;
  /** Whether an `up` runs the command: a rollout comes after it. @default false */
  readonly inUp?: boolean;
}

/**
 * The sites of the stacks named, by default of all stack files of the project. A command that an `up` runs
 * (PGSITE_STACK in its environment) gets its site from that `up`; by hand, it comes from Pulumi's configuration.
 * @throws with all problems of a stack file, or with Pulumi's own words where it cannot read it
 */
export async function loadSites(names?: readonly string[]): Promise<LoadedSite[]> {
  const { sites, unread } = await loadWhatCanBe(names);
  if (unread.length > 0) throw new Error(unread.map(({ why }) => why).join("\n"));
  return sites;
}

/**
 * The same for a command that looks: of all stacks those that can be read, and a line on standard error for each that cannot.
 * @returns `all`: whether these are all of those that somebody has set up @throws where none can be read
 */
export async function loadForLooking(
  names?: readonly string[],
): Promise<{ readonly sites: readonly LoadedSite[]; readonly all: boolean }> {
  const { sites, unread } = await loadWhatCanBe(names);
  if (sites.length === 0) throw new Error(unread.map(({ why }) => why).join("\n"));
  for (const { stack, why } of unread) {
    const [line = "", next] = why.split("\n");
    process.stderr.write(
      `left out, since it cannot be read: ${stack}: ${shownInLine(next === undefined ? line : `${line} …`)}\n`,
    );
  }
  return { sites, all: unread.length === 0 };
}

interface Loaded {
  readonly sites: LoadedSite[];
  /** Stacks that somebody has set up, and that cannot be read. */
  readonly unread: readonly { readonly stack: string; readonly why: string }[];
}

async function loadWhatCanBe(names: readonly string[] | undefined): Promise<Loaded> {
  const loaded = await loadDeclared(names);
  const { sites } = loaded;
  // What is done on each of their servers listens, however many these are.
  setMaxListeners(0, ...sites.map(({ signal }) => signal));
  const servers = sites.flatMap(({ site }) => site.servers.filter(({ lost }) => lost !== undefined));
  declareLost(servers.map(({ name, host }) => ({ server: name, host: host.name })));
  return loaded;
}

async function loadDeclared(names: readonly string[] | undefined): Promise<Loaded> {
  const running = process.env.PGSITE_STACK;
  const handover = running === undefined ? undefined : await receiveHandover(running);
  if (handover !== undefined) {
    const signal = AbortSignal.any([handover.signal, interrupted()]);
    return { sites: [{ ...handover, signal, inUp: true }], unread: [] };
  }
  const project = projectFolder();
  const named = names !== undefined && names.length > 0 ? names : running === undefined ? undefined : [running];
  if (named === undefined) return loadAll(project, await stacksOf(project));
  return { sites: await Promise.all(named.map((stack) => loadFromPulumi(project, stack))), unread: [] };
}

/** All stacks of a project but those that nobody has set up here: a checkout may have files of others'. These are said. */
async function loadAll(project: string, stacks: readonly string[]): Promise<Loaded> {
  const loaded = await Promise.allSettled(stacks.map((stack) => loadFromPulumi(project, stack)));
  const sites = loaded.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  if (sites.length === stacks.length) return { sites, unread: [] };
  const failed = loaded.flatMap((one, index) =>
    one.status === "rejected" ? [{ stack: stacks[index] as string, why: (one.reason as Error).message }] : [],
  );
  const absent = await notSetUp(project, stacks);
  // A Pulumi that cannot be asked fails for all of them alike.
  if (absent === undefined) throw new Error(failed[0]?.why);
  const unread = failed.filter(({ stack }) => !absent.includes(stack));
  if (sites.length === 0 && unread.length === 0) {
    throw new Error(
      `nobody has set up a stack here yet (there are files of ${absent.join(", ")}): pgsite init begins a site, pulumi stack init STACK makes the stack of a file`,
    );
  }
  sayLeftOut(absent);
  return { sites, unread };
}

/** Which of these stacks Pulumi's state does not know; undefined if it does not say. */
export async function notSetUp(project: string, stacks: readonly string[]): Promise<readonly string[] | undefined> {
  const known = await knownStacks(project).catch(() => undefined);
  return known === undefined ? undefined : stacks.filter((stack) => !known.includes(stack));
}

/** Says which stacks of the checkout a command for all stacks did not look at. */
export function sayLeftOut(absent: readonly string[]): void {
  if (absent.length === 0) return;
  process.stderr.write(`left out, since nobody has set them up here (pulumi stack init STACK): ${absent.join(", ")}\n`);
}

/** A stack's configuration with its secrets, as Pulumi gives it. @throws with Pulumi's own words where it cannot be read */
export async function readConfiguration(project: string, stack: string): Promise<RawConfiguration> {
  const args = ["config", "--json", "--show-secrets", "--stack", stack];
  const { stdout, failure } = await runPulumi(project, args, patience);
  if (failure !== undefined) {
    throw new Error(`the configuration of the stack ${stack} cannot be read in ${project}: ${failure}`);
  }
  const entries = JSON.parse(stdout) as Record<string, { value?: string }>;
  return Object.fromEntries(Object.entries(entries).map(([key, { value }]) => [key, value ?? ""]));
}

async function loadFromPulumi(project: string, stack: string): Promise<LoadedSite> {
  const raw = await readConfiguration(project, stack);
  const { stack: resolved, problems } = resolveStack(stack, raw);
  const errors = problems.filter(({ severity }) => severity === "error");
  if (resolved === undefined || errors.length > 0) {
    throw new Error(
      `Pulumi.${stack}.yaml has ${errors.length} problems:\n${errors.map(({ path, message }) => `  ${shownInLine(`${path}: ${message}`)}`).join("\n")}`,
    );
  }
  const { site, viewers } = resolved;
  const passwords = Object.fromEntries(
    [site.administrator, site.replicationRole].flatMap((role) => {
      const password = raw[`pgsite:${passwordKey(role)}`];
      return password === undefined ? [] : [[role, password]];
    }),
  );
  return { site: await demanding(project, site), passwords, ...defined({ viewers }), signal: interrupted() };
}

/** The site with the authority that its servers must prove themselves by: the given one, or the stack's own, an output of it. */
async function demanding(project: string, site: Site): Promise<Site> {
  const { tls } = site;
  if (tls === undefined || tls.authority !== undefined) return withAuthority(site, tls?.authority);
  const { stdout, failure } = await runPulumi(project, ["stack", "output", "--json", "--stack", site.stack], patience);
  const { authority } = (failure === undefined ? JSON.parse(stdout || "{}") : {}) as { authority?: string };
  return withAuthority(site, authority ?? notMade);
}

/** The folder of Pulumi.yaml: PGSITE_PROJECT, or the nearest at or above the current one. */
export function projectFolder(): string {
  const given = process.env.PGSITE_PROJECT;
  if (given !== undefined) {
    if (existsSync(join(given, "Pulumi.yaml"))) return given;
    throw new Error(`PGSITE_PROJECT names ${given}, where there is no Pulumi.yaml`);
  }
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    if (existsSync(join(folder, "Pulumi.yaml"))) return folder;
    if (folder === dirname(folder)) {
      throw new Error(
        "there is no Pulumi.yaml here or above: go to the project's folder, or name it in PGSITE_PROJECT",
      );
    }
  }
}

/** The stacks that the project has files of. */
export async function stacksOf(project: string): Promise<string[]> {
  const names = await readdir(project);
  const stacks = names.flatMap((name) => /^Pulumi\.(.+)\.yaml$/.exec(name)?.[1] ?? []).sort();
  if (stacks.length === 0) throw new Error(`${project} has no stack file (Pulumi.STACK.yaml)`);
  return stacks;
}

/** One for all who ask: a command that lives on reads its stacks more than once. */
let ending: AbortSignal | undefined;

/**
 * Fires when the user, or whoever else, ends the command, which then has the time to tidy up; a second time ends it at once.
 * The listeners stay: execa's own would end the process as soon as nobody else listens.
 */
export function interrupted(): AbortSignal {
  if (ending !== undefined) return ending;
  const controller = new AbortController();
  ending = controller.signal;
  for (const [signal, status] of Object.entries({ SIGHUP: 129, SIGINT: 130, SIGTERM: 143 })) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(status);
      controller.abort(new Error(`ended by ${signal}`));
    });
  }
  return controller.signal;
}
