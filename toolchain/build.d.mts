import type { Target } from "./bundle.mjs";

/** Bundles everything under `dist/` whose sources changed since the last build. */
export declare function build(): Promise<void>;

/** Everything that `build` makes. */
export const targets: readonly Target[];
