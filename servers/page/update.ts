import type { PageEvent } from "./model.js";

/** A run of Pulumi's on a stack, as its history has it. */
export interface Update {
  /** `update`, `refresh`, `destroy` … */
  readonly kind: string;
  /** ISO. */
  readonly began: string;
  readonly ended?: string;
  readonly result: PageEvent["result"];
  /** How many resources, by what was done with them: `create`, `update`, `same` … */
  readonly changes: Readonly<Record<string, number>>;
  /** Whoever ran it said so. */
  readonly message: string;
}
