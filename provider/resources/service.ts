import type { Manager } from "../../config/schema/service.js";
import type { Host, HostSpec } from "../../hosts/host.js";
import type { ServiceFacts } from "../../installed/service/facts.js";
import type { Service as FoundService } from "../../installed/service/manager.js";
import type { Difference, Found } from "../../postgres/differences.js";
import { error } from "../../postgres/problem.js";
import { type Context, messageOf } from "../../servers/rollout/reporter.js";
import { hostOf } from "../../servers/status/look.js";
import { isUpgraded } from "../../servers/upgrade/planned.js";
import type { ResourceType } from "../protocol/resource.js";
import { say } from "../protocol/say.js";

export interface ServiceArgs {
  readonly host: HostSpec;
  readonly facts: ServiceFacts;
  /** `auto`: whatever the host has. */
  readonly manager: Manager | "auto";
  /** The container that the host is, where the stack makes it: another one has nothing of what was put into the old. */
  readonly container?: string;
  /** True where deleting this resource takes the service away. */
  readonly disposable: boolean;
}

export interface ServiceState extends ServiceArgs {
  /** What the host has; `unknown` before anybody could look. */
  readonly found: Manager | "unknown";
  /** The unit or script; empty where the host has no manager of services, or nothing lies there. */
  readonly text: string;
  readonly enabled: boolean;
  /** Absolute path of the unit or script; empty where there is none to be. */
  readonly path: string;
  readonly maker: NonNullable<FoundService["maker"]> | "nobody";
}

/** What starts a server with its machine: a systemd unit, or a System V script. It starts nothing itself. */
export const service: ResourceType<ServiceArgs, ServiceState> = {
  token: "pgsite:index:Service",
  packed: ["host", "facts"],

  id: ({ facts }) => `${facts.site}/service:${facts.server}`,

  async check(context, args, actual) {
    // What was read is of the place and the name that were declared before.
    const is = actual === undefined || isAnother(actual, args) ? await observeNew(context, args) : foundIn(actual);
    const problems = is.maker === "foreign" ? [error("", refusal(args, is))] : [];
    const wanted = await declared(args, is);
    const isNew = actual === undefined || isUpgraded({ host: args.host, dataDirectory: args.facts.dataDirectory });
    if (!isNew) await say(context, differences(wanted, is));
    if (wanted.found === "none") await context.log("warning", comesBackByHand(args));
    return { state: wanted, problems };
  },

  create: (context, state) => apply(context, state),

  async read(_context, _id, known) {
    if (known === undefined)
      throw new Error("a service cannot be imported by its id: declare it, and `pulumi up` adopts it");
    return { ...known, ...(await observe(known, known.found)) };
  },

  async update(context, wanted, actual) {
    const state = await apply(context, wanted);
    // What started it before is not to start it a second time: a crontab where root starts it from now on, a service of another
    // name, by another manager, or on another host.
    const isLeft =
      actual.facts.name !== state.facts.name || actual.host.name !== state.host.name || actual.found !== state.found;
    if (isLeft && actual.maker === "pgsite") await removeLeft(context, actual);
    return state;
  },

  async delete(context, state) {
    const { found, facts, path, maker } = state;
    if (found === "unknown" || found === "none" || maker !== "pgsite") return;
    if (!state.disposable) {
      await context.log("warning", `left the service ${facts.name} of ${facts.server} on ${state.host.name} (${path})`);
      return;
    }
    for (const left of await remove(state)) {
      await context.log("warning", `left ${left.path} on ${state.host.name}: it is no longer what pgsite wrote`);
    }
  },
};

type Observed = Pick<ServiceState, "found" | "text" | "enabled" | "path" | "maker">;

/** What was observed, without what was declared when it was. */
function foundIn({ found, text, enabled, path, maker }: ServiceState): Observed {
  return { found, text, enabled, path, maker };
}

/** Whether another thing is looked for than what was read: another name, manager, host, or a container that was made anew. */
function isAnother(before: ServiceArgs, { host, facts, manager, container }: ServiceArgs): boolean {
  const { name, address } = before.host;
  const isSameHost = name === host.name && address === host.address && before.container === container;
  const isSame = before.facts.name === facts.name && before.facts.unit === facts.unit && before.manager === manager;
  return !isSameHost || !isSame;
}

/**
 * What starts services there and can be had: without root that is the OS user's crontab, if what the host has does not start
 * this server already. Nobody is asked about root who has got a service made by it.
 */
async function findFor(
  { host: spec, facts }: ServiceArgs,
  host: Host,
  before: ServiceState["found"],
  {
    findManager,
    readService,
  }: Pick<typeof import("../../installed/service/manager.js"), "findManager" | "readService">,
): Promise<Manager> {
  const found = await findManager(host);
  if (found === "none" || facts.unit !== undefined || before === "systemd" || before === "sysv") return found;
  if (await canBeRoot(spec)) return found;
  const { text, enabled, maker } = await readService(host, found, facts);
  return text !== undefined && enabled && maker !== "foreign" ? found : "crontab";
}

async function canBeRoot(spec: HostSpec): Promise<boolean> {
  const { NotThatUser } = await import("../../hosts/host.js");
  try {
    await (await asRoot(spec)).run(["true"]);
    return true;
  } catch (error) {
    if (error instanceof NotThatUser) return false;
    throw error;
  }
}

async function observe(args: ServiceArgs, before: ServiceState["found"] = "unknown"): Promise<Observed> {
  const manager = await import("../../installed/service/manager.js");
  const host = await hostOf(args.host);
  const found = args.manager === "auto" ? await findFor(args, host, before, manager) : args.manager;
  if (found === "none") return { found, text: "", enabled: false, path: "", maker: "nobody" };
  const { path, text = "", enabled, maker = "nobody" } = await manager.readService(host, found, args.facts);
  return { found, text, enabled, path, maker };
}

/** A first preview must work where no host can be reached. */
async function observeNew(context: Context, args: ServiceArgs): Promise<Observed> {
  try {
    return await observe(args);
  } catch (error) {
    const { HostUnreachable } = await import("../../hosts/host.js");
    if (!(error instanceof HostUnreachable)) await context.log("warning", messageOf(error));
    return { found: "unknown", text: "", enabled: false, path: "", maker: "nobody" };
  }
}

/** As it shall be on a host that has what was found there. */
async function declared(args: ServiceArgs, is: Observed): Promise<ServiceState> {
  const { renderService } = await import("../../installed/service/manager.js");
  const own = is.maker === "own" ? is.text : undefined;
  const text = is.found === "unknown" ? undefined : (own ?? renderService(is.found, args.facts));
  if (text === undefined) return { ...args, ...is, text: "", enabled: false, maker: "nobody" };
  return { ...args, ...is, text, enabled: true, maker: own === undefined ? "pgsite" : "own" };
}

function differences(shall: ServiceState, is: Observed): readonly Difference[] {
  const { server, name } = shall.facts;
  const object = { kind: "service", name } as const;
  const there: Found = { is: is.text === "" ? "missing" : "another" };
  return [
    ...(is.text === shall.text ? [] : [{ server, object, there, consequence: "install" as const }]),
    ...(is.enabled === shall.enabled
      ? []
      : [
          {
            server,
            object: { ...object, part: "at boot" } as const,
            there: "off",
            declared: "on",
            consequence: "install" as const,
          },
        ]),
  ];
}

async function apply(context: Context, state: ServiceState): Promise<ServiceState> {
  const is = await observe(state, state.found);
  if (is.maker === "foreign") throw new Error(refusal(state, is));
  const wanted = await declared(state, is);
  if (wanted.found === "none" || wanted.found === "unknown") {
    await context.log("warning", comesBackByHand(state));
    return wanted;
  }
  const { installService, takesRoot } = await import("../../installed/service/manager.js");
  if (is.text !== wanted.text || !is.enabled) {
    const { path, maker } = is;
    await installService(
      takesRoot(wanted.found) ? await asRoot(state.host) : await hostOf(state.host),
      wanted.found,
      state.facts,
      maker === "nobody" ? { path } : { path, maker },
    );
  }
  return wanted;
}

/** What started the server before, under another name or on another host. */
async function removeLeft(context: Context, state: ServiceState): Promise<void> {
  try {
    await remove(state);
  } catch (error) {
    const { facts, host, path } = state;
    await context.log("warning", `left the service ${facts.name} on ${host.name} (${path}): ${messageOf(error)}`);
  }
}

async function remove({ host, found, facts, path }: ServiceState) {
  if (found === "unknown" || found === "none") return [];
  const { removeService, takesRoot } = await import("../../installed/service/manager.js");
  return removeService(takesRoot(found) ? await asRoot(host) : await hostOf(host), found, facts, path);
}

async function asRoot(host: HostSpec) {
  return hostOf({ ...host, user: "root" });
}

function refusal({ facts, host }: ServiceArgs, { path }: Observed): string {
  return `${path} on ${host.name} is there, was not made by pgsite and does not start ${facts.dataDirectory}: it is left untouched. Choose another service.name in the stack file, or move it away`;
}

function comesBackByHand({ facts, host }: ServiceArgs): string {
  return `${host.name} has neither systemd nor /etc/init.d: after a reboot ${facts.server} comes back with pulumi up or pgsite start only`;
}
