import { onOneLine } from "./printable.js";

/**
 * What differs between a site as it is and as it is declared: data first, and words last, so that the preview,
 * `pgsite drift` and the tests speak of the same thing.
 */

/** What it takes to make a difference go away, mildest first. */
export const consequences = [
  /** Text alone: nothing that a server does depends on it. The file is written anew. */
  "nothing",
  /** Written anew, and in force when the server starts next. */
  "install",
  "SQL",
  "reload",
  "start",
  "restart",
  /** A setting that a hot standby may not have below its primary: servers restart one after the other. */
  "restart in order",
  /** Follows from other differences: `up` waits until it is right, and fails with the reason where that does not come. */
  "wait",
  /** The data are gone: the server is seeded again. */
  "seed again",
  /** Nothing that `up` does undoes it: the sentence says who must do what. */
  "by hand",
] as const;
export type Consequence = (typeof consequences)[number];

export interface Difference {
  /** Name of the server; left out for what is one in the whole site, such as a role. */
  readonly server?: string;
  /** What differs, as an administrator would call it: `postgresql.conf max_connections`, `role reader`. */
  readonly object: string;
  /** What is there: `300`, `missing`, `stopped`. Never a secret's value. */
  readonly there: string;
  /** What is declared; left out where `there` says it all, e.g. `missing`. */
  readonly declared?: string;
  readonly consequence: Consequence;
  /**
   * `warning` where nothing more can be told of an object, or `up` does not undo it by itself.
   * @default "info"
   */
  readonly severity?: "info" | "warning";
}

/**
 * What a warning says where something could not be looked at, whatever it says besides: the engine hands on no more than
 * words, and `pgsite drift` must tell "could not tell" from "no difference".
 */
export const notKnown = "What is there now is not known";

/** What is there of a server that hangs: what it runs with is not known. */
export const hangs = "running and does not answer within a few seconds";

/** One sentence: `server3: postgresql.conf max_connections is 300, declared 400: restart in order`. */
export function sentence({ server, object, there, declared, consequence }: Difference): string {
  const place = server === undefined ? "" : `${server}: `;
  const wanted = declared === undefined ? "" : `, declared ${declared}`;
  return onOneLine(`${place}${object} is ${there}${wanted}: ${consequence}`);
}

/** The greater of two consequences. */
export function greater(one: Consequence, other: Consequence): Consequence {
  return consequences.indexOf(one) >= consequences.indexOf(other) ? one : other;
}
export type Make = (object: string, there: string, consequence: Consequence, declared?: string) => Difference;
