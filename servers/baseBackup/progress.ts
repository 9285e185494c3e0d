/** Who is told how far a copy is; all amounts are bytes. The program shows it (cli/progress.ts), the provider says it in lines, tests listen. */
export interface CopyProgress {
  /** The copy begins. `done`: what an earlier attempt copied already. */
  start(total: number, done: number): void;
  advance(bytes: number): void;
  end(): void;
}

export const noProgress: CopyProgress = { start: () => undefined, advance: () => undefined, end: () => undefined };
