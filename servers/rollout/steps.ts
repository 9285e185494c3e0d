import { keptNames } from "../../config/controlDirectory.js";
import type { KnownServer } from "../../config/site.js";
import { hashOf } from "../../hosts/digest.js";
import type { Host } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { fileOf } from "../../postgres/files/places.js";
import { quoteValue } from "../../postgres/files/postgresqlConf.js";
import type { Step } from "../../postgres/rollout/model.js";
import { readServerFiles } from "../data/countedFiles.js";
import { withLock } from "../data/lock.js";
import { readFiles, stage, stagedDirectory, writeServerFile } from "../data/staging.js";
import { type Fit, makeFit } from "../process/canStop.js";
import { missingFloors } from "../process/floors.js";
import { processState, reloadServer, startServer } from "../process/process.js";
import { stopServer } from "../process/stop.js";
import { endedInWords, waitingInWords } from "../words/stop.js";
import { memberOf, of } from "./member.js";
import { removePending, writePending } from "./pending.js";
import { inForce } from "./plan.js";
import type { Context } from "./reporter.js";
import { loginOf, serverOf, siteOf } from "./site.js";
import type { Observed, RolloutServer, RolloutState } from "./state.js";
import { askingFor } from "./stops.js";

/** The declared text of the files that differ, from where it is staged. @throws where it is not there */
export async function contentFor(server: RolloutServer, observed: Observed): Promise<Readonly<Record<string, string>>> {
  const host = hostOf(server.host);
  const names = Object.keys(server.files);
  const [staged, real] = await Promise.all([
    readFiles(host, { dataDirectory: stagedDirectory(server.controlDirectory) }, names),
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

/** Carries out one step, under its server's lock. Cut off anywhere, the next run does what is left of it. */
export async function take(
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
    // Before anything of it changes.
    const fit = step.action === "restart" ? await fitFor(context, state, step) : {};
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
    if (step.action === "restart") await stop(context, host, server, fit);
    if (step.action === "restart" || starts) {
      await startServer(host, server, { signal: context.signal });
    }
    if (Object.keys(step.hold).length === 0) await stage(host, facts.controlDirectory, {});
    // Last: cut off before it, the next run comes by here again.
    await removePending(host, facts.controlDirectory);
  });
}

/** Can it be stopped, and soon? @throws CannotStop */
async function fitFor(context: Context, state: RolloutState, { server, hold }: Step): Promise<Fit> {
  const asking = await askingFor(state, { server, act: "restart", hold }, context.signal);
  return makeFit({ ...asking, act: "restart", report: (line) => context.progress(line) });
}

/** A server that hangs in its shutdown serves nobody: it is ended, and started with what it is to get. */
async function stop(context: Context, host: Host, server: KnownServer, fit: Partial<Fit>): Promise<void> {
  const waiting = (seconds: number, held: readonly string[]) =>
    context.progress(waitingInWords(server.name, seconds, held));
  const { ended } = await stopServer(host, server, { deadline: 120_000, mayCrash: true, waiting, ...fit });
  if (ended !== undefined) await context.log("warning", endedInWords(server.name, ended));
}

/**
 * Whether a standby's control file asks for more than it is to restart with: it has not replayed its primary's lower
 * value yet, which a rollout that was cut off, or one of another stack, may not have waited for.
 */
export async function asksForMore(server: RolloutServer, { hold }: Step): Promise<boolean> {
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
    if (real[name] !== text || handMade.includes(name)) await writeServerFile(host, server, name, text);
  }
  for (const name of server.absent) {
    if (real[name] !== undefined) await host.remove(fileOf(server, name));
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
