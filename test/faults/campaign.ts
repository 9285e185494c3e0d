import { setTimeout as sleep } from "node:timers/promises";
import { Writer } from "../support/writer.js";
import { type Act, after } from "./acts.js";
import { type Fault, strike } from "./faults.js";
import { Figures } from "./figures.js";
import { app, type Declared } from "./model.js";
import { agrees, missing, reasons, type Verdict, writable } from "./oracle.js";
import type { Ended, FaultSite } from "./site.js";

/** An act, what goes wrong beside it, and what is done where the `up` refuses it. */
export interface Step {
  readonly act: Act;
  readonly fault?: Fault;
  readonly ifRefused: "takeBack" | "runbook";
}

/** Acts that no site can do, or not in one step. */
export const refusable: ReadonlySet<Act["kind"]> = new Set(["refused", "leap"]);

/** By which one knows that a value was refused by a server. */
const refusal = /refuse|invalid|not valid|unrecognized|does not take/i;

/** Something that must hold does not. */
export class Failure extends Error {}

/** Tries that an `up` has once the fault beside it is over. */
const tries = 3;

/** A site under a writer, to which steps are done; each is judged before the next. */
export class Campaign {
  readonly figures = new Figures();
  /** Acknowledged numbers whose loss was accepted. */
  readonly #forgiven = new Set<number>();

  private constructor(
    readonly site: FaultSite,
    readonly writer: Writer,
    public declared: Declared,
    private readonly say: (line: string) => void,
  ) {}

  /** Brings the site up, and begins to write. */
  static async begin(site: FaultSite, declared: Declared, say: (line: string) => void): Promise<Campaign> {
    const { code, said } = await site.ended(site.startUp(), Date.now());
    if (code !== 0) throw new Failure(`the first up failed:\n${said}`);
    const writer = await Writer.start(site.places(), () => site.logins(app), {
      patience: 5000,
      pause: 10,
      database: app,
    });
    return new Campaign(site, writer, declared, say);
  }

  /** @throws {@link Failure}. False where the act does not apply to what is declared by now */
  async step(step: Step): Promise<boolean> {
    const wanted = after(this.declared, step.act);
    if (wanted === undefined) return false;
    this.figures.count("acts", step.act.kind);
    if (step.fault !== undefined) this.figures.count("faults", step.fault.kind);
    const killedAt = await this.#byHand(step.act);
    const ended = await this.#upBeside(wanted, step.fault);
    if (step.act.kind === "archiving" && ended.code === 0)
      await this.site.query(wanted.primary, "select pg_switch_wal()").catch(() => undefined);
    if (step.act.kind === "refused" && ended.code === 0) return this.#taken(wanted, ended);
    if (step.fault !== undefined) await this.#afterFault(wanted, step, ended, killedAt);
    else if (ended.code === 0) await this.#mustAgree(wanted, await this.#verdict(wanted, killedAt));
    else await this.#refused(wanted, step, ended, killedAt);
    return true;
  }

  /** A value that no server takes, and an `up` that ended well: it, or the next preview, has said that it is not in force. */
  async #taken(wanted: Declared, ended: Ended): Promise<true> {
    const verdict = await this.#verdict(wanted);
    if (verdict.length === 0) this.declared = wanted;
    else {
      const said = [ended.said, ...verdict].join("\n");
      if (!refusal.test(said))
        throw new Failure(lines("what no server takes was taken in silence", verdict, ended.said));
      this.figures.refused += 1;
      await this.#takeBack(ended);
    }
    return true;
  }

  /** What an act is beside what is declared. Returns how many numbers were acknowledged when the primary was killed. */
  async #byHand(act: Act): Promise<number | undefined> {
    const { site } = this;
    switch (act.kind) {
      case "crash":
        await site.powerOff(act.server);
        return undefined;
      case "seedAgain":
        await site.powerOff(act.server);
        site.removeData(act.server);
        return undefined;
      case "rejoin":
        await this.#mustBeGuarded(act.server);
        return undefined;
      case "failover":
        return this.#killPrimary();
      case "runbook":
        return this.#runbook(act.to);
      default:
        return undefined;
    }
  }

  async #killPrimary(): Promise<number> {
    await this.site.powerOff(this.declared.primary);
    // What was acknowledged may be on its way still.
    await sleep(300);
    return this.writer.acknowledged.length;
  }

  /** As docs/runbook.md: the standby takes over by its script, and the old primary, which boots again, is not let. */
  async #runbook(to: string): Promise<number> {
    const old = this.declared.primary;
    const killedAt = await this.#killPrimary();
    let { code, said } = await this.site.script(to, "failover");
    if (code === 3) ({ code, said } = await this.site.script(to, "failover", "--accept-data-loss"));
    if (code !== 0) throw new Failure(`runbook/failover on ${to} ended with ${code}:\n${said}`);
    await this.#mustBeGuarded(old);
    return killedAt;
  }

  async #mustBeGuarded(old: string): Promise<void> {
    const { code, said } = await this.site.script(old, "guard");
    if (code === 0)
      throw new Failure(`the guard lets ${old} start, which was superseded: ${said || "it said nothing"}`);
  }

  async #upBeside(wanted: Declared, fault: Fault | undefined): Promise<Ended> {
    await this.site.declare(wanted);
    const since = Date.now();
    const over = new AbortController();
    const run = this.site.startUp();
    const struck = fault === undefined ? undefined : strike(this.site, this.declared, fault, over.signal);
    const ended = await this.site.ended(run, since);
    over.abort();
    await struck;
    this.#note(ended);
    return ended;
  }

  #note(ended: Ended): void {
    this.figures.up(ended.code === 0, ended.seconds);
    const why = ended.code === 0 ? "" : `: ${reasons(ended.said).given[0] ?? "killed"}`;
    this.say(`    up ${ended.code === 0 ? "ended well" : "failed"} after ${ended.seconds.toFixed(1)} s${why}`);
  }

  /** Something went wrong beside an `up`: the next ones must get there, or it is taken back. */
  async #afterFault(wanted: Declared, step: Step, first: Ended, killedAt: number | undefined): Promise<void> {
    let ended = first;
    let verdict: Verdict = ended.code === 0 ? await this.#verdict(wanted, killedAt) : ["it failed"];
    for (let count = 0; verdict.length > 0 && count < tries; count += 1) {
      await this.#atMostOne();
      ended = await this.#again(wanted);
      verdict = ended.code === 0 ? await this.#verdict(wanted, killedAt) : this.#badWords(ended);
      if (ended.code !== 0 && verdict.length > 0) throw new Failure(lines("an up failed", verdict, ended.said));
      if (ended.code !== 0) verdict = ["it failed"];
    }
    if (ended.code === 0) return this.#mustAgree(wanted, verdict);
    await this.#refused(wanted, step, ended, killedAt);
  }

  /** An `up` with nothing beside it; what a killed one left locked is freed before. */
  async #again(wanted: Declared): Promise<Ended> {
    await this.site.cancel();
    return this.#upBeside(wanted, undefined);
  }

  /** An `up` without a fault did not end well. */
  async #refused(wanted: Declared, step: Step, ended: Ended, killedAt: number | undefined): Promise<void> {
    const bad = this.#badWords(ended);
    if (bad.length > 0) throw new Failure(lines("an up failed", bad, ended.said));
    if (step.act.kind === "failover" && wanted.servers[this.declared.primary]?.lost === "lost") {
      return this.#acceptLoss(wanted, killedAt);
    }
    if (killedAt !== undefined) throw new Failure(lines("nobody takes over", [], ended.said));
    const mayFail = refusable.has(step.act.kind) || step.fault !== undefined;
    if (!mayFail) throw new Failure(lines("an up failed beside which nothing went wrong", [], ended.said));
    this.figures.refused += 1;
    await this.#atMostOne();
    if (step.fault === undefined) {
      const writes = await writable(this.site);
      if (writes.join() !== this.declared.primary) {
        throw new Failure(lines("a refused up", [`takes writes now: ${writes.join(", ") || "nobody"}`], ended.said));
      }
      if (step.ifRefused === "runbook") return this.#lostAfterRefusal();
    }
    return this.#takeBack(ended);
  }

  #badWords(ended: Ended): Verdict {
    return reasons(ended.said).wrong;
  }

  /** The standby was not there to the end, as far as anybody knows: the administrator takes it all the same. */
  async #acceptLoss(wanted: Declared, killedAt: number | undefined): Promise<void> {
    const old = this.declared.primary;
    const standing = wanted.servers[old] ?? { settings: {} };
    const accepting: Declared = {
      ...wanted,
      servers: { ...wanted.servers, [old]: { ...standing, lost: "accepting" } },
    };
    const ended = await this.#again(accepting);
    if (ended.code !== 0) throw new Failure(lines("a failover that accepts the loss failed", [], ended.said));
    await this.#mustAgree(accepting, await this.#verdict(accepting, killedAt));
  }

  /** The primary is lost while a declaration that was refused stands in the stack file. */
  async #lostAfterRefusal(): Promise<void> {
    const act: Act | undefined = Object.keys(this.declared.servers)
      .map((to): Act => ({ kind: "runbook", to }))
      .find((one) => after(this.declared, one) !== undefined);
    if (act === undefined || act.kind !== "runbook") return this.#takeBack();
    this.say(`    and ${this.declared.primary} is lost: ${act.to} takes over by its runbook`);
    const killedAt = await this.#runbook(act.to);
    const wanted = after(this.declared, act) as Declared;
    const ended = await this.#again(wanted);
    if (ended.code !== 0) throw new Failure(lines("the up after a runbook's failover failed", [], ended.said));
    await this.#mustAgree(wanted, await this.#verdict(wanted, killedAt));
  }

  /** The last declaration that went through is put back, and must go through. */
  async #takeBack(why?: Ended): Promise<void> {
    let verdict: Verdict = [];
    let ended: Ended | undefined;
    for (let count = 0; count < tries; count += 1) {
      ended = await this.#again(this.declared);
      verdict = ended.code === 0 ? await this.#verdict(this.declared) : ["it failed"];
      if (verdict.length === 0) return;
    }
    throw new Failure(lines("no way back", verdict, `${ended?.said ?? ""}\n--- refused before:\n${why?.said ?? ""}`));
  }

  async #mustAgree(wanted: Declared, verdict: Verdict): Promise<void> {
    if (verdict.length > 0) throw new Failure(lines("after an up that ended well", verdict));
    this.declared = wanted;
    for (const name of Object.keys(wanted.servers)) this.site.removeKept(name);
  }

  async #atMostOne(): Promise<void> {
    const writes = await writable(this.site);
    if (writes.length > 1) throw new Failure(`two take writes: ${writes.join(" and ")}`);
  }

  async #verdict(wanted: Declared, killedAt?: number): Promise<Verdict> {
    await this.#atMostOne();
    const verdict = await agrees(this.site, wanted);
    return verdict.length > 0 ? verdict : this.#rows(wanted, killedAt);
  }

  /** Rows that are gone are a failure in any case: no later `up` brings them back. */
  async #rows(wanted: Declared, killedAt = 0): Promise<Verdict> {
    const lost = await missing(this.site, wanted.primary, this.writer, this.#forgiven);
    if (lost.length === 0) return [];
    const before = this.writer.acknowledged.slice(0, killedAt).filter((number) => !this.#forgiven.has(number));
    const tail = before.slice(-lost.length);
    if (tail.join() !== lost.join()) {
      this.figures.lost += lost.length;
      throw new Failure(`${lost.length} acknowledged rows are lost: ${lost.slice(0, 10).join(", ")} …`);
    }
    for (const number of lost) this.#forgiven.add(number);
    this.figures.accepted += lost.length;
    return [];
  }
}

function lines(what: string, verdict: Verdict, said = ""): string {
  return [what, ...verdict, said.trim()].filter((line) => line !== "").join("\n");
}
