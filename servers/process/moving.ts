import { bytesOfLsn } from "../sql/sql.js";

/** Milliseconds without any progress after which one that is behind has come to a halt. */
const halted = 15_000;
/** Milliseconds between two words about it; the first is said after as many. */
const tellEvery = 10_000;

type Positions = readonly (string | null | undefined)[];

/** How a standby that is behind gets on: by the positions of what it receives and replays, of which the least counts. */
export class Moving {
  #first: { readonly at: number; readonly sum: bigint; readonly least: bigint } | undefined;
  #last: { readonly at: number; readonly sum: bigint; readonly least: bigint } | undefined;
  #target = 0n;
  #told = Date.now();

  /** @param come how far it has come by now @param target where it is to come */
  note(come: Positions, target: string, now = Date.now()): void {
    const end = bytesOfLsn(target);
    // What is beyond it says nothing: others write on.
    const known = come.flatMap((lsn) => (lsn == null ? [] : [upTo(end, bytesOfLsn(lsn))]));
    if (known.length === 0) return;
    this.#target = end;
    const sum = known.reduce((one, other) => one + other, 0n);
    const least = known.reduce(upTo);
    const seen = { at: now, sum, least };
    this.#first ??= seen;
    if (this.#last === undefined || sum > this.#last.sum) this.#last = seen;
  }

  /** Whether it has come further of late, more than once seen. */
  isMoving(now = Date.now()): boolean {
    if (this.#first === undefined || this.#last === undefined || this.#last === this.#first) return false;
    return now - this.#last.at < halted;
  }

  /** Once in a while. */
  isToBeTold(now = Date.now()): boolean {
    if (now - this.#told < tellEvery) return false;
    this.#told = now;
    return true;
  }

  /** Bytes. */
  lacks(): number {
    const lacks = this.#target - (this.#last?.least ?? 0n);
    return lacks < 0n ? 0 : Number(lacks);
  }

  figures(): { readonly bytes: number; readonly rate: number } {
    const [first, last] = [this.#first, this.#last];
    const seconds = first === undefined || last === undefined ? 0 : (last.at - first.at) / 1000;
    const came = first === undefined || last === undefined ? 0 : Number(last.least - first.least);
    return { bytes: this.lacks(), rate: seconds > 0 ? Math.max(0, Math.round(came / seconds)) : 0 };
  }
}

function upTo(end: bigint, position: bigint): bigint {
  if (position > end) return end;
  return position;
}
