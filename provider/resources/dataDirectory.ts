import type { Place } from "../../config/site.js";
import type { HostSpec } from "../../hosts/host.js";
import { isLostServer } from "../../hosts/lost.js";
import type { DataRefusal, Difference } from "../../postgres/differences.js";
import { error } from "../../postgres/problem.js";
import { recordedRole } from "../../postgres/wal/controlFile.js";
import { foreignData } from "../../preflight/foreign.js";
import type { Identity } from "../../servers/data/dataDirectory.js";
import { type Context, messageOf } from "../../servers/rollout/reporter.js";
import { hostOf, type LookAt, lookOfRefresh, newLooks } from "../../servers/status/look.js";
import type { ResourceType } from "../protocol/resource.js";
import { say } from "../protocol/say.js";

export interface DataDirectoryArgs {
  readonly site: string;
  readonly server: string;
  /** The stack, where the database exists once: data that another stack knows as its own are not this one's. @default not compared */
  readonly stack?: string;
  readonly host: HostSpec;
  /** The data directory, absolute. */
  readonly path: string;
  readonly controlDirectory: string;
  /** True where deleting this resource may stop the server and delete its data. */
  readonly disposable: boolean;
  /** The stack's other servers, where it has the primary: while one holds data and none takes writes, nothing is made. */
  readonly others?: readonly Place[];
}

export interface DataDirectoryState extends DataDirectoryArgs {
  /**
   * `present` is what is wanted; `read` says what is there. `foreign`: data that pgsite did not make; `replaced`: data with
   * another system identifier than the one that pgsite made here.
   */
  readonly data: "present" | "absent" | "empty" | "incomplete" | "foreign" | "replaced";
  /** Rises each time that the data was found gone, so that whatever depends on it is seeded again. */
  readonly incarnation: number;
}

/** Milliseconds. */
const stopDeadline = 60_000;

/**
 * Whether a server has its data. It makes no data: `NAME-data`, a command that depends on `incarnation`, does. Created
 * before that command, it promises `present`; where the command failed, the next read finds the data absent and says so.
 */
export const dataDirectory: ResourceType<DataDirectoryArgs, DataDirectoryState> = {
  token: "pgsite:index:DataDirectory",
  packed: ["host", "others"],

  id: (state) => `${state.site}/${state.server}`,

  async check(context, args, actual) {
    // `actual` is what is in the place that was declared before.
    const isMoved = actual !== undefined && isElsewhere(actual, args) && !(await isAtNewAddress(actual, args));
    const before = isMoved ? actual : undefined;
    const found =
      before === undefined ? (actual?.data ?? (await observeNew(context, args))) : await observeNew(context, args);
    const refusal = (await refusalOf(args, found)) ?? (before && (await leftBehind(context, args, before, found)));
    const gone = actual !== undefined && isGone(found);
    if (gone) await say(context, [await goneDifference(args, found)]);
    const incarnation = (actual?.incarnation ?? 1) + (gone ? 1 : 0);
    return {
      state: { ...args, data: "present", incarnation },
      problems: refusal === undefined ? [] : [error("", refusal)],
    };
  },

  async create(_context, state) {
    await refuseForeign(state);
    await nameStack(state);
    return state;
  },

  async read(_context, _id, known) {
    if (known === undefined) throw new Error("a data directory cannot be imported by its id");
    return { ...known, data: await observe(known, lookOfRefresh) };
  },

  async update(_context, wanted) {
    await refuseForeign(wanted);
    await nameStack(wanted);
    return wanted;
  },

  async delete(context, state) {
    // What stays needs no look: a host that cannot be reached is left as it is too.
    const found = state.disposable ? await observe(state) : await observe(state).catch(() => "present" as const);
    if (found === "absent" || found === "empty") return;
    if (state.disposable && (found === "present" || found === "incomplete")) {
      await removeData(context, state);
    } else {
      await context.log("warning", whatIsLeft(state));
    }
  },
};

/** Whether the server had its data in another place. */
function isElsewhere(before: DataDirectoryArgs, { path, host }: DataDirectoryArgs): boolean {
  const { name, address, container } = before.host;
  const isSameHost = name === host.name && address === host.address && container?.name === host.container?.name;
  return !isSameHost || before.path !== path;
}

/** Whether the data lie where they lay, on a machine that has another address now: it is the same one, or nobody is at the old one. */
async function isAtNewAddress(before: DataDirectoryArgs, args: DataDirectoryArgs): Promise<boolean> {
  const { name, container } = before.host;
  if (before.path !== args.path || name !== args.host.name || container?.name !== args.host.container?.name)
    return false;
  try {
    if ((await observe(args)) !== "present") return false;
    const [old, now] = await Promise.all([before.host, args.host].map(bootOf));
    return old === undefined || old === now;
  } catch {
    return false;
  }
}

/** What tells one run of a machine from every other; undefined where nobody answers. */
async function bootOf(spec: HostSpec): Promise<string | undefined> {
  const { HostUnreachable } = await import("../../hosts/host.js");
  try {
    return (await (await hostOf(spec)).readFile("/proc/sys/kernel/random/boot_id"))?.toString("utf8");
  } catch (error) {
    if (error instanceof HostUnreachable) return undefined;
    throw error;
  }
}

/**
 * Why the server cannot have its data in another place: as long as the old place has them, whatever starts them there, the
 * next boot or somebody's hand, would start old data. A host that cannot be asked may have them.
 */
async function leftBehind(
  context: Context,
  { server, path, host, controlDirectory }: DataDirectoryArgs,
  before: DataDirectoryState,
  found: DataDirectoryState["data"],
): Promise<string | undefined> {
  const old = `${before.path} on ${before.host.name}`;
  try {
    const data = await observe(before);
    // What was never filled to its end starts nowhere.
    if (isGone(data)) return undefined;
    if (found === "present" && before.path === path && (await isThere(before.host, host, path))) return undefined;
    const { processState } = await import("../../servers/process/process.js");
    const isRunning = (await processState(await hostOf(before.host), before.path)).kind === "running";
    const stopping = isRunning ? `stop it (pg_ctl stop -D ${before.path}), and then ` : "";
    const moving = `move ${before.path} to ${path}, and ${before.controlDirectory} to ${controlDirectory}`;
    const there =
      before.host.name === host.name
        ? moving
        : `move both folders (${before.path}, ${before.controlDirectory}) to ${host.name}`;
    const byMove = `a single server: declare the old place again, and pgsite move ${server} --to ${host.address} --data-directory ${path}`;
    return `${server} ${isRunning ? "runs in" : "has its data in"} ${old}, and ${path} on ${host.name} is declared: an up moves no data, and does not leave old ones behind that could start again. To take them along, ${stopping}${there} (${byMove}); to have it seeded anew, ${stopping}move ${before.path} out of the way`;
  } catch (error) {
    const { HostUnreachable } = await import("../../hosts/host.js");
    if (!(error instanceof HostUnreachable)) throw error;
    const asked = `${server} had its data in ${old}, which cannot be asked (${error.message})`;
    if (found !== "present") {
      return `${asked}, and ${path} on ${host.name} is declared: nobody knows whether old data can start there again. Let pgsite reach it; or, where it is gone for good, take ${server} out of the stack file, pulumi up, and declare it anew`;
    }
    await context.log(
      "warning",
      `${asked}: if that is another machine, see to it that the server there never starts again`,
    );
    return undefined;
  }
}

/** Whether the host was given another address, and the data are where they were. */
async function isThere(before: HostSpec, now: HostSpec, path: string): Promise<boolean> {
  const { isSameFolder } = await import("../../servers/data/sameFolder.js");
  return isSameFolder(await hostOf(before), await hostOf(now), path);
}

function isGone(data: DataDirectoryState["data"]): boolean {
  return data === "absent" || data === "empty" || data === "incomplete";
}

/** It is seeded again, but not while another server holds the site's data and none takes writes. */
async function goneDifference(args: DataDirectoryArgs, data: DataDirectoryState["data"]): Promise<Difference> {
  const { server, others = [] } = args;
  const difference = { server, object: { kind: "data directory" } } as const;
  const is = data === "incomplete" || data === "empty" ? data : "gone";
  const refused = await refusalToMake(server, others).catch(
    (error): DataRefusal => ({ code: "not known", message: messageOf(error) }),
  );
  if (refused === undefined) return { ...difference, there: { is }, consequence: "seed again" };
  return { ...difference, there: { is, refused }, consequence: "by hand", severity: "warning" };
}

async function refusalToMake(server: string, others: readonly Place[]): Promise<DataRefusal | undefined> {
  const { holderAmong, refusalFor } = await import("../../servers/seed/dataHolders.js");
  for (const other of others.filter(({ name }) => !isLostServer(name))) {
    const look = await lookOfRefresh(other);
    const control = await look.control();
    if (control === undefined || recordedRole(control) !== "primary") continue;
    if ((await look.process()).kind === "running") return undefined;
    const { name, dataDirectory, host } = other;
    return { code: "source stopped", server: name, dataDirectory, host: host.name };
  }
  const holder = await holderAmong(others, hostOf);
  return holder === undefined ? undefined : refusalFor(server, holder.place, holder.state);
}

async function observe(args: DataDirectoryArgs, lookAt: LookAt = newLooks()): Promise<DataDirectoryState["data"]> {
  const { host, path: dataDirectory, controlDirectory } = args;
  const found = await (await lookAt({ host, dataDirectory, controlDirectory })).data();
  const { identity } = found;
  const another = identity !== undefined && isAnothers(identity, args);
  if (another && !isGone(found.kind as DataDirectoryState["data"])) return "foreign";
  return found.kind === "ours" ? "present" : found.kind;
}

/** A first preview must work where no host can be reached: then nothing is known to be in the way. */
async function observeNew(context: Context, args: DataDirectoryArgs): Promise<DataDirectoryState["data"]> {
  try {
    return await observe(args);
  } catch (error) {
    const { HostUnreachable } = await import("../../hosts/host.js");
    if (!(error instanceof HostUnreachable)) await context.log("warning", messageOf(error));
    return "absent";
  }
}

async function refuseForeign(state: DataDirectoryState): Promise<void> {
  const refusal = await refusalOf(state, await observe(state));
  if (refusal !== undefined) throw new Error(refusal);
}

/** Data that were made before their database was declared to exist once learn to which stack they belong. */
async function nameStack({ stack, host: spec, path: dataDirectory, controlDirectory }: DataDirectoryState) {
  if (stack === undefined) return;
  const { readIdentity, writeIdentity } = await import("../../servers/data/dataDirectory.js");
  const [host, directories] = [await hostOf(spec), { dataDirectory, controlDirectory }];
  const identity = await readIdentity(host, directories);
  if (identity === undefined || identity.stack !== undefined) return;
  await writeIdentity(host, directories, { ...identity, stack });
}

/** Whether data are known as those of another server, or of another stack's. */
function isAnothers(identity: Identity, { site, server, stack }: DataDirectoryArgs): boolean {
  const isOtherStack = stack !== undefined && identity.stack !== undefined && identity.stack !== stack;
  return identity.site !== site || identity.server !== server || isOtherStack;
}

async function refusalOf(args: DataDirectoryArgs, data: DataDirectoryState["data"]): Promise<string | undefined> {
  const where = `${args.path} on ${args.host.name}, the data directory of ${args.server},`;
  if (data === "foreign") {
    const { host, path: dataDirectory, controlDirectory } = args;
    const look = await newLooks()({ host, dataDirectory, controlDirectory });
    const { identity } = await look.data();
    if (identity !== undefined && isAnothers(identity, args)) {
      const stack = identity.stack === undefined ? "" : `, of the stack ${identity.stack}`;
      return `${where} holds the data of ${identity.server} of the site ${identity.site}${stack}, and was not made by pgsite for this server: it is left untouched. Declare another dataDirectory, or have one stack alone declare ${args.server}`;
    }
    const { cause, remedy } = foreignData(where);
    return `${cause}: ${remedy}`;
  }
  if (data === "replaced") {
    return `${where} has another system identifier than the one that pgsite made there: it is left untouched. Put the right data back, or move it away so that ${args.server} is seeded again`;
  }
  return undefined;
}

function whatIsLeft(state: DataDirectoryState): string {
  return `left ${state.server} as it is: its data in ${state.path} and ${state.controlDirectory} on ${state.host.name}, and the server where it runs; declare its data disposable to have it removed`;
}

/** The data directory is the last of a server's resources to go: nothing needs the server any more. */
async function removeData(context: Context, state: DataDirectoryState): Promise<void> {
  const host = await hostOf(state.host);
  await context.progress(`stopping ${state.server} and removing ${state.path}`);
  await stop(state, context.signal);
  await host.remove(state.path);
  await host.remove(state.controlDirectory);
}

/** Stops whatever server runs there by signal: its programs may be gone already. SIGINT is PostgreSQL's fast shutdown. */
async function stop(state: DataDirectoryState, signal: AbortSignal): Promise<void> {
  const host = await hostOf(state.host);
  const { processState } = await import("../../servers/process/process.js");
  const before = await processState(host, state.path);
  if (before.kind !== "running") return;
  await host.run(["sh", "-c", 'kill -INT "$1"', "sh", `${before.pid}`]);
  const { until } = await import("../../servers/process/until.js");
  const gone = async () => (await processState(host, state.path)).kind !== "running";
  if (await until(gone, { deadline: stopDeadline, interval: 50, signal })) return;
  throw new Error(
    `${state.server} (process ${before.pid}) still runs ${stopDeadline / 1000} s after a fast stop was asked for: its data in ${state.path} was left untouched`,
  );
}
