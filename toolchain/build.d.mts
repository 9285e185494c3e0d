/** Bundles everything under `dist/` whose sources changed since the last build. */
export declare function build(): Promise<void>;
