// `npm run faults`: a site of three under a writer, what administrators and machines do to it, and whether all held.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { type Act, drawAct, isDelayed } from "./acts.js";
import { Campaign, Failure, type Step } from "./campaign.js";
import { type Able, drawFault } from "./faults.js";
import { type Declared, firstDeclared } from "./model.js";
import { Random } from "./random.js";
import { shortest } from "./shrink.js";
import { FaultSite } from "./site.js";
import { clock, stepWords } from "./words.js";

interface Options {
  readonly seed: number;
  readonly minutes: number;
  readonly shrinkMinutes: number;
  readonly block: number;
  readonly replay?: string;
  readonly faults: boolean;
  readonly hold?: true;
}

/** A sequence, and where it begins: all that a run needs to be had again. */
interface Sequence {
  readonly cascading: boolean;
  readonly steps: readonly Step[];
}

const say = (line: string) => process.stdout.write(`${line}\n`);

const number = (text: string) => {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0)) throw new InvalidArgumentError("a number is wanted");
  return value;
};

/** What is up now, and is to be taken down whatever comes. */
let up: FaultSite | undefined;

async function withSite<T>(declared: Declared, block: number, act: (site: FaultSite) => Promise<T>): Promise<T> {
  const site = await FaultSite.make(declared, block);
  up = site;
  try {
    if (process.getuid?.() === 0) await site.mountSmall();
    return await act(site);
  } finally {
    up = undefined;
    await site.remove();
  }
}

function able(site: FaultSite): Able {
  const cut = process.getuid?.() === 0 && spawnSync("iptables", ["-w", "-S", "INPUT"]).status === 0;
  return { cut, fill: site.canFill };
}

const alone: ReadonlySet<Act["kind"]> = new Set(["failover", "runbook", "crash", "seedAgain", "refused", "leap"]);

/** Steps that are drawn until the time is over, each from what is declared by then. */
function* drawn(options: Options, random: Random, can: Able, now: () => Declared): Generator<Step> {
  for (;;) {
    const act = drawAct(random, now());
    const ifRefused = random.percent(50) ? "takeBack" : "runbook";
    // Who is killed by hand is not killed twice.
    const isAlone = !options.faults || isDelayed(now()) || alone.has(act.kind);
    const fault = !isAlone && random.percent(45) ? drawFault(random, now(), can) : undefined;
    yield { act, ifRefused, ...(fault === undefined ? {} : { fault }) };
  }
}

/** How a run ended: with a failure, at the deadline, or with its steps. */
interface Outcome {
  readonly done: readonly Step[];
  readonly failure?: Failure;
}

class Late extends Error {}

/** @param steps drawn where there are none */
async function run(
  options: Options,
  cascading: boolean,
  steps: readonly Step[] | undefined,
  deadline: number,
): Promise<Outcome> {
  const done: Step[] = [];
  const began = Date.now();
  const declared = firstDeclared(cascading);
  return withSite(declared, options.block, async (site) => {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), Math.max(0, deadline - Date.now()));
    const tooLate = new Promise<never>((_, reject) => {
      late.signal.addEventListener("abort", () => reject(new Late()), { once: true });
    });
    tooLate.catch(() => undefined);
    const inTime = <T>(act: Promise<T>) => Promise.race([act, tooLate]);
    let campaign: Campaign | undefined;
    let failure: Failure | undefined;
    try {
      campaign = await inTime(Campaign.begin(site, declared, say));
      const going = campaign;
      const random = new Random(options.seed);
      for (const step of steps ?? drawn(options, random, able(site), () => going.declared)) {
        if (late.signal.aborted) throw new Late();
        const [so, left] = [Date.now() - began, deadline - Date.now()].map(clock);
        say(`${String(done.length + 1).padStart(3)} (${so}, ${left} left) ${stepWords(step)}`);
        done.push(step);
        if (!(await inTime(campaign.step(step)))) say("    left out: it does not apply here");
      }
    } catch (error) {
      if (error instanceof Late) say("    the time is over; what was begun is not judged");
      else failure = error instanceof Failure ? error : new Failure((error as Error).stack ?? String(error));
    } finally {
      clearTimeout(timer);
    }
    if (failure !== undefined) {
      say(`\nFAILED at step ${done.length} of seed ${options.seed}: ${failure.message}\n`);
      for (const name of Object.keys(campaign?.declared.servers ?? {})) say(`--- log of ${name}:\n${site.log(name)}`);
    }
    if (failure !== undefined && options.hold) {
      say(`the site stays as it is, in ${site.local.folder}, until Ctrl-C`);
      await new Promise(() => setInterval(() => undefined, 1000));
    }
    if (campaign !== undefined) {
      void campaign.writer.stop();
      for (const line of campaign.figures.lines(campaign.writer)) say(line);
    }
    return { done, ...(failure === undefined ? {} : { failure }) };
  });
}

function keep(name: string, sequence: Sequence): string {
  const path = join(tmpdir(), name);
  writeFileSync(path, `${JSON.stringify(sequence, undefined, 1)}\n`);
  return path;
}

async function main(options: Options): Promise<number> {
  const given =
    options.replay === undefined ? undefined : (JSON.parse(readFileSync(options.replay, "utf8")) as Sequence);
  const cascading = given?.cascading ?? options.seed % 2 === 0;
  say(`seed ${options.seed}, ${options.minutes} minutes, ${cascading ? "a cascading mirror" : "two followers"}`);
  const deadline = Date.now() + options.minutes * 60_000;
  const { done, failure } = await run(options, cascading, given?.steps, deadline);
  if (failure === undefined) return 0;
  const name = `pgsite-faults-${options.seed}-${process.pid}`;
  say(`all its steps again: npm run faults -- --replay ${keep(`${name}.json`, { cascading, steps: done })}`);
  const end = Date.now() + options.shrinkMinutes * 60_000;
  const fails = async (steps: readonly Step[]) => {
    say(`\nonce more, with ${steps.length} of its steps (${clock(end - Date.now())} left)`);
    return (await run(options, cascading, steps, end)).failure !== undefined;
  };
  const steps = await shortest(done, fails, () => Date.now() < end);
  say(`\nthe shortest sequence found that fails, ${steps.length} of ${done.length} steps:`);
  for (const step of steps) say(`  ${stepWords(step)}`);
  say(`npm run faults -- --replay ${keep(`${name}-short.json`, { cascading, steps })}`);
  return 1;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    say(`${signal}: taking everything down`);
    void Promise.resolve(up?.remove()).finally(() => process.exit(130));
  });
}

const command = new Command("faults")
  .option("--seed <n>", "of the draws", number, 1)
  .option("--minutes <n>", "how long", number, 10)
  .option("--shrink-minutes <n>", "how long a shorter sequence is looked for after a failure", number, 10)
  .option("--block <n>", "servers listen on 127.0.N.x", number, 145)
  .option("--replay <file>", "the steps of a file in place of drawn ones")
  .option("--no-faults", "acts alone")
  .option("--hold", "after a failure, leave the site as it is until Ctrl-C")
  .action(async () => {
    process.exitCode = await main(command.opts<Options>());
    // A writer, or a run that was cut by the time, may wait for something still.
    process.exit();
  });

command.parseAsync().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
