import type { Finding } from "../../preflight/finding.js";
import type { FoldersByHost } from "../../preflight/folders.js";
import type { PreflightReport } from "../../preflight/index.js";
import type { PreflightRequest, ServerRequest } from "../../preflight/request.js";
import { noteRenewed } from "../../servers/rollout/renewed.js";
import type { Context } from "../../servers/rollout/reporter.js";
import { hostOf, lookOfRefresh } from "../../servers/status/look.js";
import type { ResourceType } from "../protocol/resource.js";
import { same } from "../protocol/wire.js";

export interface PreflightArgs extends PreflightRequest {
  /** What its check is for, which that cannot tell by itself. It is no part of the state. @default an `up` */
  readonly preview?: boolean;
}

export interface PreflightState extends PreflightRequest {
  /** What pgsite installs with the hosts' package managers, by host. */
  readonly packages: Readonly<Record<string, readonly string[]>>;
  /** What pgsite makes as root, by host: `/srv/postgresql 0755 postgres`; absent where that is nothing. */
  readonly folders?: Readonly<Record<string, readonly string[]>>;
  /** Packages with an older minor version than there is, or than is declared, by host; as `read` finds them. Nothing of it is declared. */
  readonly outdated?: Readonly<Record<string, readonly string[]>>;
  /** Servers without data, by `read`: they are to be seeded, so their hosts are looked at again. No difference by itself. */
  readonly __unseeded: readonly string[];
}

/**
 * The last report of a resource: what `check` saw, `create` and `update` of the same run go by. They run in one process, one
 * right after the other.
 */
const reports = new Map<string, PreflightReport>();

/** In the same way: what is updated, by host. */
const updates = new Map<string, Readonly<Record<string, readonly string[]>>>();

/**
 * Whether the hosts of a stack can take its servers. What is wrong fails the preview; a host that cannot be reached fails
 * only an `up`, and that only where a server is to be made there, so that a site whose host is down can be changed.
 */
export const preflight: ResourceType<PreflightArgs, PreflightState> = {
  token: "pgsite:index:Preflight",
  packed: ["servers"],

  id: (state) => `${state.site}/${state.stack}`,

  async check(context, { preview = false, ...args }, actual) {
    const known: ReturnType<typeof derivedOf> =
      actual === undefined ? { packages: {}, __unseeded: [] } : derivedOf(actual);
    const state = { ...args, ...known };
    reports.delete(context.name);
    await sayUpdates(context, args);
    if (actual !== undefined && known.__unseeded.length === 0 && same(args, requestIn(actual))) return { state };
    const needed = newServers(state, actual);
    const report = await look(args, needed.length > 0);
    const list = (await words()).listOf(report, fatalFor(preview ? [] : needed));
    // A problem of a check's has a prefix of Pulumi's, on each line; what a check throws is shown as it stands, once.
    if (list?.severity === "error") throw new Error(list.text);
    reports.set(context.name, report);
    if (list !== undefined) await context.log(list.severity, list.text);
    const made = { ...known.folders, ...(await foldersShown(report)) };
    return {
      state: {
        ...state,
        packages: { ...known.packages, ...report.packages },
        ...(Object.keys(made).length === 0 ? {} : { folders: made }),
      },
    };
  },

  async create(context, state) {
    await update(context, state);
    await prepare(context, state, state.servers);
    return { ...state, __unseeded: [] };
  },

  async read(_context, _id, known) {
    if (known === undefined)
      throw new Error("a preflight cannot be imported by its id: declare it, and `pulumi up` makes it");
    const unseeded = (await Promise.all(known.servers.map(unseededAt))).flat();
    const gone = new Set(unseeded.map(({ host }) => host.name));
    // A host whose data is gone may have been made anew: what is missing there is found and installed again.
    const left = <T>(byHost: Readonly<Record<string, T>> = {}) =>
      Object.fromEntries(Object.entries(byHost).filter(([host]) => !gone.has(host)));
    const { folders: _folders, outdated: _outdated, ...rest } = known;
    const folders = left(known.folders);
    const outdated = await outdatedShown(known);
    return {
      ...rest,
      packages: left(known.packages),
      ...(Object.keys(folders).length === 0 ? {} : { folders }),
      ...(Object.keys(outdated).length === 0 ? {} : { outdated }),
      __unseeded: unseeded.map(({ name }) => name),
    };
  },

  async update(context, wanted, actual) {
    await update(context, wanted);
    await prepare(context, wanted, newServers(wanted, actual));
    return { ...wanted, __unseeded: [] };
  },

  async delete() {
    // What was installed stays: other servers may need it.
  },
};

function derivedOf({
  packages,
  folders,
  __unseeded,
}: PreflightState): Pick<PreflightState, "packages" | "folders" | "__unseeded"> {
  return { packages, ...(folders === undefined ? {} : { folders }), __unseeded };
}

function requestIn({
  packages: _packages,
  folders: _folders,
  outdated: _outdated,
  __unseeded,
  ...request
}: PreflightState): PreflightRequest {
  return request;
}

/** Servers that are to be made or seeded. */
function newServers(wanted: PreflightState, actual: PreflightState | undefined): readonly ServerRequest[] {
  const known = new Set(actual?.servers.map(({ name }) => name));
  return wanted.servers.filter(({ name }) => !known.has(name) || wanted.__unseeded.includes(name));
}

/** The cheapest look, which other reads of the same refresh share. Of a host that cannot be asked nothing is said here; its other resources say it. */
async function unseededAt(server: ServerRequest): Promise<readonly ServerRequest[]> {
  try {
    const control = await (await lookOfRefresh(server)).control();
    return control === undefined ? [server] : [];
  } catch {
    return [];
  }
}

/** Measured where something is to be seeded. In an `up` the programs show that they run; in a preview none of them does. */
async function look(request: PreflightRequest, seeding: boolean, run = false): Promise<PreflightReport> {
  const preflights = await import("../../preflight/index.js");
  return preflights.preflight(request, { hostOf, measure: seeding || request.expectedGrowth !== undefined, run });
}

const words = () => import("../../preflight/list.js");

/** A host that does not answer is a problem where a server is to be made there, now. */
function fatalFor(needed: readonly ServerRequest[]): (finding: Finding) => boolean {
  const hosts = new Set(needed.map(({ host }) => host.name));
  return ({ severity, check, host }) => severity === "error" && (check !== "reachable" || hosts.has(host));
}

async function foldersShown({ folders, observations }: PreflightReport): Promise<Record<string, string[]>> {
  const { folderText } = await import("../../preflight/folders.js");
  const userOf = (name: string) => observations.find(({ host }) => host.name === name)?.host.user ?? "";
  return Object.fromEntries(
    Object.entries(folders).map(([host, list]) => [host, list.map((folder) => folderText(folder, userOf(host)))]),
  );
}

const packagesOf = () => import("../../preflight/packages/updates.js");

/** Of what an `up` would install alone: the rest is said, and is no difference. */
async function outdatedShown(request: PreflightRequest): Promise<Record<string, readonly string[]>> {
  if (!request.install) return {};
  const { outdatedPackages, toUpdate } = await packagesOf();
  const { updateInWords } = await import("../../servers/words/updates.js");
  const { outdated } = await outdatedPackages(request, hostOf);
  const hosts = Object.keys(toUpdate(request, outdated));
  return Object.fromEntries(hosts.map((host) => [host, (outdated[host] ?? []).map(updateInWords)]));
}

/** What is updated, and what is not and why; whoever plans restarts is told. */
async function sayUpdates(context: Context, request: PreflightRequest): Promise<void> {
  updates.delete(context.name);
  noteRenewed(request.servers, undefined);
  if (!request.install && request.minor === undefined) return;
  const { outdatedPackages, restartedByPackage, toUpdate } = await packagesOf();
  const { silentInWords, updateInWords, updatesInWords } = await import("../../servers/words/updates.js");
  const { outdated, silent } = await outdatedPackages(request, hostOf);
  const ours = toUpdate(request, outdated);
  updates.set(context.name, ours);
  for (const [host, words] of Object.entries(silent)) await context.log("warning", silentInWords(host, words));
  for (const [host, list] of Object.entries(outdated)) {
    const isLess = list.some(({ declared }) => declared !== undefined);
    if (ours[host] !== undefined) {
      await context.log("info", updatesInWords(host, list));
      const program = `one that this replaces: ${list.map(updateInWords).join("; ")}`;
      noteRenewed(serversOn(request, host), program);
    } else if (!request.install) await context.log("warning", updatesInWords(host, list, "not asked"));
    else if (restartedByPackage(request, host))
      await context.log("warning", updatesInWords(host, list, "restarts by itself"));
    else await context.log("warning", updatesInWords(host, list, "nowhere"));
    // The package sources may have it by the time of the up.
    if (ours[host] !== undefined && isLess) await context.log("warning", updatesInWords(host, list, "nowhere"));
  }
}

function serversOn({ servers }: PreflightRequest, name: string): readonly ServerRequest[] {
  return servers.filter(({ host }) => host.name === name);
}

/** Before all else is looked at, which is to see the programs as they are then. */
async function update(context: Context, request: PreflightState): Promise<void> {
  const packages = updates.get(context.name) ?? {};
  updates.delete(context.name);
  if (Object.keys(packages).length === 0) return;
  const { installUpdates } = await packagesOf();
  await installUpdates(request, packages, hostOf, (line) => context.progress(line));
}

/** @throws before anything is changed, with all that is wrong */
async function prepare(context: Context, state: PreflightState, needed: readonly ServerRequest[]): Promise<void> {
  const first = reports.get(context.name) ?? (await look(requestIn(state), needed.length > 0));
  reports.delete(context.name);
  await refuse(first, needed);
  const progress = (line: string) => context.progress(line);
  const installs = Object.keys(first.packages).length > 0;
  if (installs) {
    const { installPackages } = await import("../../preflight/install.js");
    await installPackages(first, hostOf, progress);
  }
  // Nothing more is promised now: what is not there has to be said.
  const last = await look({ ...requestIn(state), install: false }, installs && needed.length > 0, true);
  await refuse(last, needed);
  await make(last.folders, state, progress);
}

async function make(folders: FoldersByHost, { servers }: PreflightState, progress: (line: string) => Promise<void>) {
  if (Object.keys(folders).length === 0) return;
  const { makeFolders } = await import("../../preflight/folders.js");
  await makeFolders(
    folders,
    servers.map(({ host }) => host),
    hostOf,
    progress,
  );
}

async function refuse(report: PreflightReport, needed: readonly ServerRequest[]): Promise<void> {
  const isFatal = fatalFor(needed);
  const list = (await words()).listOf({ ...report, findings: report.findings.filter(isFatal) }, isFatal);
  if (list?.severity === "error") throw new Error(list.text);
}
