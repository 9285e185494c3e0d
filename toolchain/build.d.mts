/** Bundles everything under `dist/` whose sources changed since the last build. */
export declare function build(): Promise<void>;

/** A bundle to be made. */
export interface Target {
  readonly entry: string;
  /** Below the checkout. */
  readonly output: string;
}

/** Everything that `build` makes. */
export const targets: readonly Target[];
