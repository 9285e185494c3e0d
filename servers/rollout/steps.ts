import { keptNames } from "../../config/controlDirectory.js";
import type { KnownServer } from "../../config/site.js";
import { hashOf } from "../../hosts/digest.js";
import type { Host } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { lettingBothIn } from "../../postgres/files/hba/index.js";
import { fileOf } from "../../postgres/files/places.js";
import { quoteValue } from "../../postgres/files/postgresqlConf.js";
import type { Step } from "../../postgres/rollout/model.js";
import { readServerFiles } from "../data/countedFiles.js";
import { withLock } from "../data/lock.js";
import { readFiles, stage, stagedDirectory, writeServerFile } from "../data/staging.js";
import { type Fit, makeFit } from "../process/canStop.js";
import { missingFloors } from "../process/floors.js";
import { processState, reloadServer, StartFailed, startServer } from "../process/process.js";
import { stopServer } from "../process/stop.js";
import { remainsEndedInWords } from "../words/start.js";
import { endedInWords, waitingInWords } from "../words/stop.js";
import { memberOf, of, sourceOf } from "./member.js";
import { type Replaced, readPending, removePending, writePending } from "./pending.js";
import { inForce } from "./plan.js";
import { readReplaced, startAsBefore } from "./putBack.js";
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

/**
 * Carries out one step, under its server's lock. Cut off anywhere, the next run does what is left of it.
 * @returns the files that a restart replaced
 * @throws PutBack where the server did not start with others, and runs with these again
 */
export async function take(
  context: Context,
  state: RolloutState,
  step: Step,
  content: Readonly<Record<string, string>>,
  before: Observed,
): Promise<Replaced> {
  const facts = of(state, step.server);
  const server = serverOf(facts);
  const host = hostOf(facts.host);
  return withLock(host, facts, `rollout: ${step.action}`, async () => {
    // Before anything of it changes.
    const fit = step.action === "restart" ? await fitFor(context, state, step) : {};
    const change = await changeTo(facts, content, step);
    const replaced = await replacedBy(facts, step, before, change);
    const putBack = Object.keys(replaced).length === 0 ? {} : { replaced, role: facts.role };
    if (step.action === "reload" || step.action === "restart") {
      const process = await processState(host, facts.dataDirectory);
      const pid = process.kind === "running" ? { pid: process.pid } : {};
      const settings = inForce(before);
      await writePending(host, facts.controlDirectory, { action: step.action, ...pid, settings, ...putBack });
    }
    // Cut off after the start, the next run proves that it works: no process has this number.
    const comesAnew = step.action === "rejoin" || step.action === "seed";
    const starts = step.action === "start" || comesAnew;
    if (starts)
      await writePending(host, facts.controlDirectory, { action: "reload", pid: 0, settings: {}, ...putBack });
    if (step.action === "rejoin") await rejoin(context, state, step);
    if (step.action === "seed") await seed(context, state, step);
    await install(facts, comesAnew ? await changeTo(facts, content, step) : change);
    if (step.action === "reload") await reloadServer(host, server);
    if (step.action === "restart") await stop(context, host, server, fit);
    if (step.action === "restart" || starts) {
      try {
        const { ended } = await startServer(host, server, { signal: context.signal });
        if (ended !== undefined) await context.log("warning", remainsEndedInWords(server.name, ended));
      } catch (error) {
        if (!(error instanceof StartFailed)) throw error;
        throw await startAsBefore(host, server, replaced, error);
      }
    }
    if (isWhole(step)) await stage(host, facts.controlDirectory, {});
    // Last: cut off before it, the next run comes by here again.
    await removePending(host, facts.controlDirectory);
    return replaced;
  });
}

/** Whether all that is declared is installed by a step. */
function isWhole({ hold, both }: Step): boolean {
  return Object.keys(hold).length === 0 && both === undefined;
}

/** A server that started with its new files and could not be proven: one that has ended by now starts with its old ones. */
export async function backWhereEnded(state: RolloutState, name: string, replaced: Replaced, failure: unknown) {
  const server = serverOf(of(state, name));
  const host = hostOf(server.host);
  return withLock(host, server, "rollout: putting back", () => startAsBefore(host, server, replaced, failure));
}

/**
 * What a restart replaces, to be put back where the server does not start with what comes in its place; of one that an earlier
 * run had stopped for that too, as long as it has not run since, and its role is the same.
 */
async function replacedBy(facts: RolloutServer, step: Step, before: Observed, change: Change): Promise<Replaced> {
  if (step.action !== "restart" && step.action !== "start") return {};
  const host = hostOf(facts.host);
  const mayOwe = step.action === "start" || before.pending !== undefined;
  const owed = mayOwe ? await readPending(host, facts.controlDirectory) : undefined;
  const process = owed?.replaced === undefined ? undefined : await processState(host, facts.dataDirectory);
  const isSince = process?.kind === "running" && process.pid !== owed?.pid;
  const earlier = owed?.role === facts.role && !isSince ? (owed.replaced ?? {}) : {};
  if (step.action === "start") return earlier;
  return { ...(await readReplaced(host, serverOf(facts), change.replaces, change.adopted)), ...earlier };
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

interface Change {
  /** The whole text of each file as it is to be. */
  readonly wanted: Readonly<Record<string, string>>;
  /** Names of files that must not be there. */
  readonly absent: readonly string[];
  /** Names of files that differ, or are there and must not be. */
  readonly changed: readonly string[];
  /** Those in whose place something comes, or nothing. */
  readonly replaces: readonly string[];
  /** Hand-written files stand for some. */
  readonly adopted: boolean;
}

/**
 * The files as they are to be, with lines behind them for what is held: the last line of postgresql.conf wins. Below the rules of
 * pg_hba.conf come those by which standbys come now, where these have their turn later.
 */
async function changeTo(
  server: RolloutServer,
  declared: Readonly<Record<string, string>>,
  { hold, both }: Step,
): Promise<Change> {
  const content = both === "alone" ? only(declared, "pg_hba.conf") : declared;
  const absent = both === "alone" ? [] : server.absent;
  const names = [...Object.keys(content), ...absent];
  const held = Object.entries(hold).map(([name, value]) => `${name} = ${quoteValue(value)}`);
  const comment = "# Held by pgsite in the middle of a rollout; the next `pulumi up` takes these lines away.";
  const tail = held.length > 0 ? `\n${[comment, ...held, ""].join("\n")}` : "";
  const counted = await readServerFiles(hostOf(server.host), server, names);
  const now = counted.files["pg_hba.conf"];
  const wanted: Readonly<Record<string, string>> = Object.fromEntries(
    Object.entries(content).map(([name, text]) => {
      if (name === "pg_hba.conf" && both !== undefined && now !== undefined) return [name, lettingBothIn(text, now)];
      return [name, name === "postgresql.conf" ? text + tail : text];
    }),
  );
  const changed = names.filter((name) => counted.files[name] !== wanted[name]);
  const adopted = counted.standIns !== undefined && changed.length > 0;
  return { wanted, absent, changed, replaces: adopted ? names : changed, adopted };
}

/** Puts the files in place. */
async function install(server: RolloutServer, { wanted, absent, changed, adopted }: Change): Promise<void> {
  const host = hostOf(server.host);
  const names = [...Object.keys(wanted), ...absent];
  let differ = changed;
  let handMade: readonly string[] = [];
  if (adopted) {
    const { forgetStandIns } = await import("../data/adopted.js");
    handMade = await forgetStandIns(host, server, changed);
    const real = (await readServerFiles(host, server, names)).files;
    differ = names.filter((name) => real[name] !== wanted[name]);
  }
  for (const [name, text] of Object.entries(wanted)) {
    if (differ.includes(name) || handMade.includes(name)) await writeServerFile(host, server, name, text);
  }
  for (const name of absent) {
    if (differ.includes(name)) await host.remove(fileOf(server, name));
  }
}

function only(files: Readonly<Record<string, string>>, name: string): Readonly<Record<string, string>> {
  const text = files[name];
  return text === undefined ? {} : { [name]: text };
}

/** Makes the data of a server that went its own way those of a standby; it is started with its declared files after. */
async function rejoin(context: Context, state: RolloutState, { server: name, rejoin }: Step): Promise<void> {
  if (rejoin === undefined) return;
  const { rejoinServer } = await import("../rejoin/index.js");
  const { kept } = await rejoinServer({
    ...(await copying(context, state, name, rejoin.primary)),
    fork: rejoin,
    rejoin,
  });
  if (kept === undefined) return;
  const what = `what ${name} alone had is kept in ${kept} on ${of(state, name).host.name}`;
  await context.log("info", `${what} (${keptNames.report} in it says what it is): remove it when nobody needs it`);
}

/** Replaces the data of a server that is merely behind; it is started with its declared files after. */
async function seed(context: Context, state: RolloutState, { server: name, behind }: Step): Promise<void> {
  if (behind === undefined) return;
  const { seedAgain } = await import("../rejoin/seedAgain.js");
  await seedAgain({ ...(await copying(context, state, name, behind.primary)), behind });
}

/** What it takes to bring a primary's data to a server. */
async function copying(context: Context, state: RolloutState, name: string, primary: string) {
  const { lines } = await import("../baseBackup/progressLines.js");
  return {
    site: siteOf(state),
    member: memberOf(state, name),
    primary: sourceOf(state, primary),
    login: loginOf(state),
    signal: context.signal,
    report: (line: string) => void context.progress(line),
    progress: (verb: string) => lines((line) => void context.progress(`${name}: ${line}`), verb),
  };
}
