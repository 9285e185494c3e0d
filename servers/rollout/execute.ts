import { join } from "node:path";
import { keptNames } from "../../config/controlDirectory.js";
import { hashOf } from "../../hosts/digest.js";
import { HostUnreachable } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { quoteValue } from "../../postgres/files/postgresqlConf.js";
import type { Failover, Step, Switchover } from "../../postgres/rollout/model.js";
import { describePlan } from "../../postgres/rollout/plan.js";
import { readServerFiles } from "../data/countedFiles.js";
import { withLock } from "../data/lock.js";
import { readFiles, stage, stagedDirectory } from "../data/staging.js";
import { missingFloors } from "../process/floors.js";
import { processState, reloadServer, startServer, stopServer } from "../process/process.js";
import { proveWorking } from "../process/proof.js";
import { type LookAt, newLooks } from "../status/look.js";
import { markDiverged } from "./divergence.js";
import { markReceived } from "./evidence.js";
import { observeForRollout } from "./observe.js";
import { removePending, writePending } from "./pending.js";
import { followedBy, inForce, planOf } from "./plan.js";
import { type Context, messageOf } from "./reporter.js";
import { loginOf, serverOf, siteOf } from "./site.js";
import { bringSlots, leaveSlots } from "./slots.js";
import type { Observed, RolloutServer, RolloutState } from "./state.js";

/**
 * Observes all servers afresh, plans, and carries the plan out. Nothing is changed where something is refused, a server
 * cannot be reached, or what is staged is not what is declared. Cut off anywhere, the next run plans the rest.
 */
export async function execute(context: Context, state: RolloutState): Promise<void> {
  const names = Object.keys(state.servers).sort();
  const lookAt = newLooks();
  const found = await Promise.all(
    names.map(async (name) => [name, await observeNow(context, state, name, lookAt)] as const),
  );
  const marked = await markDiverged(Object.fromEntries(found), state.servers, lookAt);
  const observed = await markReceived(marked, state.servers, state.lost, lookAt);
  const plan = planOf(state.servers, observed, state.lost);
  if (plan.refusals.length > 0) throw new Error(plan.refusals.join("\n"));
  const words = describePlan(plan);
  if (plan.switchover !== undefined) {
    await context.progress(words[0] ?? "");
    await handOver(context, state, plan.switchover);
    // The rest is planned from what is there now.
    return execute(context, state);
  }
  if (plan.failover !== undefined) {
    await context.progress(words[0] ?? "");
    await takeOver(context, state, plan.failover);
    return execute(context, state);
  }
  if (plan.superseded !== undefined) {
    await stopSuperseded(context, state, Object.keys(plan.superseded), words);
    return execute(context, state);
  }
  const contents = new Map<string, Readonly<Record<string, string>>>();
  for (const { server } of plan.steps) {
    contents.set(server, await contentFor(of(state, server), observed[server] as Observed));
  }

  // What is in force by now was staged while its server was still on its way there.
  const settled = names.filter((name) => !plan.steps.some(({ server }) => server === name));
  for (const name of settled.filter((one) => observed[one]?.data === "present")) {
    await stage(hostOf(of(state, name).host), of(state, name).controlDirectory, {});
  }
  // One that is to rejoin cannot stream before its turn.
  const works = ({ state: is, rejoin: waits }: Observed) => is !== "stopped" && waits === undefined;
  const running = new Set(names.filter((name) => works(observed[name] as Observed)));
  const follows: Follows = new Map(Object.entries(followedBy(state.servers, observed, state.lost)));
  for (const [index, step] of plan.steps.entries()) {
    context.signal.throwIfAborted();
    await context.progress(words[index] ?? "");
    try {
      if (step.action === "restart" && (await asksForMore(of(state, step.server), step))) {
        await proveOne(context, state, step.server, follows);
      }
      await bringSlots(context, state, step);
      await take(context, state, step, contents.get(step.server) ?? {}, observed[step.server] as Observed);
      running.add(step.server);
      if (step.action !== "install") follows.set(step.server, of(state, step.server).upstream);
      const later = new Set(plan.steps.slice(index + 1).map(({ server }) => server));
      const moves = (name: string) => later.has(name) && follows.get(name) !== of(state, name).upstream;
      const proven = new Set([...running].filter((name) => !moves(name)));
      await prove(context, state, step, proven, follows);
    } catch (error) {
      const left = words.slice(index + 1);
      const rest = left.length === 0 ? "" : ` Not begun: ${left.join("; ")}.`;
      throw new Error(`${words[index]} failed: ${messageOf(error)}.${rest} The next \`pulumi up\` goes on from here`, {
        cause: error,
      });
    }
  }
  await leaveSlots(context, state, plan.steps);
}

/** @throws with the ways out where its host cannot be reached */
async function observeNow(context: Context, state: RolloutState, name: string, lookAt: LookAt): Promise<Observed> {
  const server = of(state, name);
  try {
    return await observeForRollout(await lookAt(server), server, state, context.signal);
  } catch (error) {
    if (!(error instanceof HostUnreachable)) throw error;
    const ways = `bring it back and run again, or, where it is gone, declare servers.${name}.lost: true`;
    throw new Error(`${messageOf(error)}; nothing was changed: ${ways}`, { cause: error });
  }
}

/** Whoever takes writes beside the primary is stopped first: each of its rows is one more that is not the site's. */
async function stopSuperseded(
  context: Context,
  state: RolloutState,
  names: readonly string[],
  words: readonly string[],
): Promise<void> {
  for (const [index, name] of names.entries()) {
    context.signal.throwIfAborted();
    await context.progress(words[index] ?? "");
    const server = serverOf(of(state, name));
    const host = hostOf(server.host);
    await withLock(host, server, "rollout: stop", () => stopServer(host, server, "fast", 90_000));
  }
}

/** Makes the data of a server that went its own way those of a standby; it is started with its declared files after. */
async function rejoin(context: Context, state: RolloutState, { server: name, rejoin }: Step): Promise<void> {
  if (rejoin === undefined) return;
  const { rejoinServer } = await import("../rejoin/index.js");
  const { lines } = await import("../baseBackup/progressLines.js");
  const { kept } = await rejoinServer({
    site: siteOf(state),
    member: memberOf(state, name),
    primary: memberOf(state, rejoin.primary),
    fork: rejoin,
    rejoin,
    login: loginOf(state),
    signal: context.signal,
    report: (line) => void context.progress(line),
    progress: (verb) => lines((line) => void context.progress(`${name}: ${line}`), verb),
  });
  if (kept === undefined) return;
  const what = `what ${name} alone had is kept in ${kept} on ${of(state, name).host.name}`;
  await context.log("info", `${what} (${keptNames.report} in it says what it is): remove it when nobody needs it`);
}

async function handOver(context: Context, state: RolloutState, { from, to }: Switchover): Promise<void> {
  const member = (name: string) => memberOf(state, name);
  const { switchOver } = await import("../takeover/switchover.js");
  await switchOver({
    from: member(from),
    to: member(to),
    login: loginOf(state),
    signal: context.signal,
    report: (line) => context.progress(line),
  });
}

/** What was lost with the old primary is said for good: the plan is not shown any more when all is done. */
async function takeOver(context: Context, state: RolloutState, plan: Failover & { words: string }): Promise<void> {
  const { failOver } = await import("../takeover/failover.js");
  const { timeline, fork } = await failOver({
    from: plan.from,
    to: memberOf(state, plan.to),
    ...(state.fence === undefined ? {} : { fence: state.fence }),
    login: loginOf(state),
    signal: context.signal,
    report: (line) => context.progress(line),
  });
  const since = fork === undefined ? "" : `, which begins at ${fork}`;
  await context.log("warning", `${plan.words}. Done: ${plan.to} takes writes on timeline ${timeline}${since}`);
}

function memberOf(state: RolloutState, name: string) {
  return { server: serverOf(of(state, name)), host: hostOf(of(state, name).host) };
}

function of(state: RolloutState, name: string): RolloutServer {
  return state.servers[name] as RolloutServer;
}

/** The declared text of the files that differ, from where it is staged. @throws where it is not there */
async function contentFor(server: RolloutServer, observed: Observed): Promise<Readonly<Record<string, string>>> {
  const host = hostOf(server.host);
  const names = Object.keys(server.files);
  const [staged, real] = await Promise.all([
    readFiles(host, stagedDirectory(server.controlDirectory), names),
    readServerFiles(host, server, names),
  ]);
  const found = names.map((name): readonly [string, string] => {
    const right = [staged[name], real.files[name]].find(
      (text) => text !== undefined && hashOf(text) === server.files[name],
    );
    if (right !== undefined) return [name, right];
    const what = observed.files[name] === undefined ? "is missing" : "differs";
    throw new Error(
      `${server.name}: ${name} ${what} and what is declared is not staged in ${server.controlDirectory}: nothing was changed; run pulumi up again`,
    );
  });
  return Object.fromEntries(found);
}

async function take(
  context: Context,
  state: RolloutState,
  step: Step,
  content: Readonly<Record<string, string>>,
  before: Observed,
): Promise<void> {
  const facts = of(state, step.server);
  const server = serverOf(facts);
  const host = hostOf(facts.host);
  await withLock(host, facts, `rollout: ${step.action}`, async () => {
    if (step.action === "reload" || step.action === "restart") {
      const process = await processState(host, facts.dataDirectory);
      const pid = process.kind === "running" ? { pid: process.pid } : {};
      await writePending(host, facts.controlDirectory, { action: step.action, ...pid, settings: inForce(before) });
    }
    // Cut off after the start, the next run proves that it works: no process has this number.
    const starts = step.action === "start" || step.action === "rejoin";
    if (starts) await writePending(host, facts.controlDirectory, { action: "reload", pid: 0, settings: {} });
    if (step.action === "rejoin") await rejoin(context, state, step);
    await install(facts, content, step.hold);
    if (step.action === "reload") await reloadServer(host, server);
    if (step.action === "restart") await stopServer(host, server);
    if (step.action === "restart" || starts) {
      await startServer(host, server, { signal: context.signal });
    }
    if (Object.keys(step.hold).length === 0) await stage(host, facts.controlDirectory, {});
    // Last: cut off before it, the next run comes by here again.
    await removePending(host, facts.controlDirectory);
  });
}

/**
 * Whether a standby's control file asks for more than it is to restart with: it has not replayed its primary's lower
 * value yet, which a rollout that was cut off, or one of another stack, may not have waited for.
 */
async function asksForMore(server: RolloutServer, { hold }: Step): Promise<boolean> {
  if (!server.hotStandby || server.upstream === undefined) return false;
  return (await missingFloors(hostOf(server.host), server, { ...server.settings, ...hold })).length > 0;
}

/** Puts the files in place, with lines behind them for what is held: the last line of postgresql.conf wins. */
async function install(
  server: RolloutServer,
  content: Readonly<Record<string, string>>,
  hold: Step["hold"],
): Promise<void> {
  const host = hostOf(server.host);
  const names = [...Object.keys(content), ...server.absent];
  const held = Object.entries(hold).map(([name, value]) => `${name} = ${quoteValue(value)}`);
  const comment = "# Held by pgsite in the middle of a rollout; the next `pulumi up` takes these lines away.";
  const tail = held.length > 0 ? `\n${[comment, ...held, ""].join("\n")}` : "";
  const wanted: Readonly<Record<string, string>> = Object.fromEntries(
    Object.entries(content).map(([name, text]) => [name, name === "postgresql.conf" ? text + tail : text]),
  );
  const counted = await readServerFiles(host, server, names);
  const changed = names.filter((name) => counted.files[name] !== wanted[name]);
  let real = counted.files;
  let handMade: readonly string[] = [];
  if (counted.standIns !== undefined && changed.length > 0) {
    const { forgetStandIns } = await import("../data/adopted.js");
    handMade = await forgetStandIns(host, server, changed);
    real = (await readServerFiles(host, server, names)).files;
  }
  for (const [name, text] of Object.entries(wanted)) {
    if (real[name] !== text || handMade.includes(name)) await host.writeFile(join(server.dataDirectory, name), text);
  }
  for (const name of server.absent) {
    if (real[name] !== undefined) await host.remove(join(server.dataDirectory, name));
  }
}

/** Whom each standby follows as the rollout goes on; undefined where that is not known, or outside of this stack. */
type Follows = Map<string, string | undefined>;

/**
 * A server that had its turn is proven to work, and so is every running one that follows it then, however far: it may
 * have lost its upstream, or have waited for the upstream's new rule. One that is to follow it later, or that is to leave
 * it, has its own turn.
 * @param running those that run and stay where they are
 */
async function prove(
  context: Context,
  state: RolloutState,
  step: Step,
  running: ReadonlySet<string>,
  follows: Follows,
): Promise<void> {
  if (step.action === "install") return;
  const affected = [step.server, ...followersOf(step.server, follows)];
  for (const name of affected.filter((one) => running.has(one))) {
    await proveOne(context, state, name, follows);
  }
}

/** One whose upstream is not known is proven by what is declared. */
async function proveOne(context: Context, state: RolloutState, name: string, follows: Follows): Promise<void> {
  const server = serverOf(of(state, name));
  const upstream = follows.get(name);
  await proveWorking({
    site: siteOf(state),
    server: upstream === undefined ? server : { ...server, upstream },
    passwords: { [state.administrator]: state.administratorPassword },
    signal: context.signal,
  });
}

function followersOf(name: string, follows: Follows): readonly string[] {
  const found = new Set([name]);
  for (const upstream of found) for (const [one, followed] of follows) if (followed === upstream) found.add(one);
  return [...found].slice(1);
}
