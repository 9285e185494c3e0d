import type { Plugin } from "esbuild";

/** A bundle to be made. */
export interface Target {
  readonly entry: string;
  /** Below the checkout. */
  readonly output: string;
}

/** Makes one JavaScript file of an entry point and everything that it imports. */
export function bundle(target: Target & { readonly plugins?: readonly Plugin[] }): Promise<void>;
