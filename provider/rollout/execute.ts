import { join } from "node:path";
import type { Server, Site } from "../../config/site.js";
import { hostOf } from "../../hosts/index.js";
import { quoteValue } from "../../postgres/configuration-file.js";
import { describePlan, type Step } from "../../postgres/rollout.js";
import { withLock } from "../../servers/lock.js";
import { reloadServer, startServer, stopServer } from "../../servers/process.js";
import { proveWorking } from "../../servers/proof.js";
import { type Context, messageOf } from "../resource.js";
import type { RolloutServer, RolloutState } from "../resources/rollout.js";
import { hashOf, readFiles, stage, stagedDirectory } from "../staging.js";
import { type Observed, observeServer } from "./observe.js";
import { removePending, writePending } from "./pending.js";
import { planOf } from "./plan.js";

/**
 * Observes all servers afresh, plans, and carries the plan out. Nothing is changed where something is refused, a server
 * cannot be reached, or what is staged is not what is declared. Cut off anywhere, the next run plans the rest.
 */
export async function execute(context: Context, state: RolloutState): Promise<void> {
  const names = Object.keys(state.servers).sort();
  const observed = Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await observeServer(of(state, name))] as const)),
  );
  const plan = planOf(state.servers, observed);
  if (plan.refusals.length > 0) throw new Error(plan.refusals.join("\n"));
  const words = describePlan(plan);
  const contents = new Map<string, Readonly<Record<string, string>>>();
  for (const { server } of plan.steps) {
    contents.set(server, await contentFor(of(state, server), observed[server] as Observed));
  }

  const running = new Set(names.filter((name) => observed[name]?.state === "running"));
  for (const [index, step] of plan.steps.entries()) {
    context.signal.throwIfAborted();
    await context.progress(words[index] ?? "");
    try {
      await take(context, state, step, contents.get(step.server) ?? {}, observed[step.server] as Observed);
      running.add(step.server);
      await prove(context, state, step, running);
    } catch (error) {
      const left = words.slice(index + 1);
      const rest = left.length === 0 ? "" : ` Not begun: ${left.join("; ")}.`;
      throw new Error(`${words[index]} failed: ${messageOf(error)}.${rest} The next \`pulumi up\` goes on from here`, {
        cause: error,
      });
    }
  }
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
    readFiles(host, server.dataDirectory, names),
  ]);
  const found = names.map((name): readonly [string, string] => {
    const right = [staged[name], real[name]].find((text) => text !== undefined && hashOf(text) === server.files[name]);
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
      await writePending(host, facts.controlDirectory, { action: step.action, settings: before.settings });
    }
    await install(facts, content, step.hold);
    if (step.action === "reload") await reloadServer(host, server);
    if (step.action === "restart") await stopServer(host, server);
    if (step.action === "restart" || step.action === "start") {
      await startServer(host, server, { signal: context.signal });
    }
    await removePending(host, facts.controlDirectory);
    if (Object.keys(step.hold).length === 0) await stage(host, facts.controlDirectory, {});
  });
}

/** Puts the files in place, with lines behind them for what is held: the last line of postgresql.conf wins. */
async function install(
  server: RolloutServer,
  content: Readonly<Record<string, string>>,
  hold: Step["hold"],
): Promise<void> {
  const host = hostOf(server.host);
  const real = await readFiles(host, server.dataDirectory, [...Object.keys(content), ...server.absent]);
  const held = Object.entries(hold).map(([name, value]) => `${name} = ${quoteValue(value)}`);
  const comment = "# Held by pgsite in the middle of a rollout; the next `pulumi up` takes these lines away.";
  for (const [name, text] of Object.entries(content)) {
    const wanted =
      name === "postgresql.conf" && held.length > 0 ? `${text}\n${[comment, ...held, ""].join("\n")}` : text;
    if (real[name] !== wanted) await host.writeFile(join(server.dataDirectory, name), wanted);
  }
  for (const name of server.absent) {
    if (real[name] !== undefined) await host.remove(join(server.dataDirectory, name));
  }
}

/**
 * A server that had its turn is proven to work, and so is every running one that follows it, however far: it may have lost
 * its upstream, or have waited for the upstream's new rule.
 */
async function prove(context: Context, state: RolloutState, step: Step, running: ReadonlySet<string>): Promise<void> {
  if (step.action === "install") return;
  for (const name of [step.server, ...followers(state, step.server)].filter((one) => running.has(one))) {
    await proveWorking({
      site: siteOf(state),
      server: serverOf(of(state, name)),
      passwords: { [state.administrator]: state.administratorPassword },
      signal: context.signal,
    });
  }
}

function followers(state: RolloutState, name: string): readonly string[] {
  const direct = Object.keys(state.servers)
    .filter((one) => state.servers[one]?.upstream === name)
    .sort();
  return direct.flatMap((one) => [one, ...followers(state, one)]);
}

function serverOf({ absent: _absent, files: _files, ...facts }: RolloutServer): Server {
  return { ...facts, files: {}, disposable: false };
}

/** As much of the site as the proof needs. */
function siteOf(state: RolloutState): Site {
  const servers = Object.values(state.servers).map(serverOf);
  return {
    name: state.site,
    stack: "",
    version: (servers[0] as Server).version,
    administrator: state.administrator,
    replicationRole: "",
    ...(state.primary === undefined ? {} : { primary: state.primary }),
    ...(state.upstream === undefined ? {} : { upstream: state.upstream }),
    servers,
    initdb: { locale: "C", encoding: "UTF8", dataChecksums: false },
  };
}
