import type { Writer } from "../support/writer.js";

/** What a campaign did, counted. */
export class Figures {
  readonly #counts = { acts: new Map<string, number>(), faults: new Map<string, number>() };
  #well = 0;
  #failed = 0;
  #seconds = 0;
  /** Declarations that were taken back. */
  refused = 0;
  lost = 0;
  accepted = 0;

  count(what: "acts" | "faults", kind: string): void {
    const counts = this.#counts[what];
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }

  up(well: boolean, seconds: number): void {
    if (well) this.#well += 1;
    else this.#failed += 1;
    this.#seconds += seconds;
  }

  /** In lines for people. */
  lines(writer: Writer): readonly string[] {
    const ups = this.#well + this.#failed;
    const seconds = (milliseconds: number) => (milliseconds / 1000).toFixed(1);
    return [
      `acts: ${listed(this.#counts.acts)}`,
      `faults: ${listed(this.#counts.faults)}`,
      `ups: ${ups}, of which ${this.#well} ended well and ${this.#failed} did not; ${(this.#seconds / Math.max(1, ups)).toFixed(1)} s each; ${this.refused} declarations were refused and taken back`,
      `acknowledged rows: ${writer.acknowledged.length}; without writes: ${seconds(writer.withoutWrites)} s in all, ${seconds(writer.longestGap)} s at the longest`,
      `lost with a primary that was given up: ${this.accepted}`,
      `lost rows: ${this.lost}`,
    ];
  }
}

function listed(counts: ReadonlyMap<string, number>): string {
  const all = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const each = [...counts].sort().map(([kind, count]) => `${count} ${kind}`);
  return each.length === 0 ? "0" : `${all} (${each.join(", ")})`;
}
