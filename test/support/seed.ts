import fc from "fast-check";

/** Where properties begin to look for what breaks them: in one place, so that a failure can be had again. */
export const seed = Number(process.env.SEED ?? 1);

fc.configureGlobal({ seed });
