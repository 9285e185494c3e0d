import type { Plugin } from "esbuild";
import type { Target } from "./build.mjs";

/** Makes one JavaScript file of an entry point and everything that it imports. */
export function bundle(target: Target & { readonly plugins?: readonly Plugin[] }): Promise<void>;
