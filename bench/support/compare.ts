/** One side of a comparison: milliseconds that one run took. What is to be made ready or tidied up is not counted. */
export type Run = (round: number) => Promise<number>;

export interface Comparison {
  readonly name: string;
  /** What the ratio is to be at most. */
  readonly target: number;
  readonly rounds: number;
  /** What we are held against. */
  readonly reference: Run;
  readonly subject: Run;
}

/** Medians, in milliseconds. */
export interface Outcome {
  readonly reference: number;
  readonly subject: number;
}

/**
 * Runs both sides in turn, so that whatever else the machine does meanwhile hits both alike, and prints the median of
 * the rounds' ratios. Who goes first changes from round to round.
 */
export async function compare({ name, target, rounds, reference, subject }: Comparison): Promise<Outcome> {
  const ratios: number[] = [];
  const times = { reference: [] as number[], subject: [] as number[] };
  for (let round = 1; round <= rounds; round += 1) {
    const first = round % 2 === 1 ? reference : subject;
    const one = await first(round);
    const two = await (first === reference ? subject : reference)(round);
    const [whole, part] = first === reference ? [one, two] : [two, one];
    ratios.push(part / whole);
    times.reference.push(whole);
    times.subject.push(part);
    say(`${name} ${round}: reference ${seconds(whole)}, ours ${seconds(part)}, ratio ${(part / whole).toFixed(2)}`);
  }
  say(`ratio ${name} ${median(ratios).toFixed(2)} target ${target.toFixed(2)}`);
  return { reference: median(times.reference), subject: median(times.subject) };
}

export async function timed(act: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await act();
  return performance.now() - began;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
