import type { Problem } from "../../postgres/problem.js";
import type { Context } from "../../servers/rollout/reporter.js";
import type { SpansAt } from "./concealed.js";

/**
 * One type of resource. `Args` is what the program gives; `State` is that with everything derived from it, and it is
 * at once the resource's inputs and its outputs: what is derived in `check` is known in previews, and what `read` finds
 * is compared with what `check` derives, property by property. Values are plain: no secrets' envelopes, no unknowns.
 */
export interface ResourceType<Args, State extends Args> {
  /** `pgsite:index:NAME` */
  readonly token: string;
  /** Properties that are secret in the state however they came in. */
  readonly secrets?: readonly (keyof State & string)[];
  /** Properties that are secret in a state that holds one somewhere within them. */
  readonly secretsIn?: (state: State) => readonly (keyof State & string)[];
  /** Where secrets are within texts that a preview shows: there the state has masks. */
  readonly secretsAt?: SpansAt;
  /**
   * Properties that travel as JSON text: each value that the engine sees by itself costs it time in every call, which
   * tells where there are hundreds. A preview shows such a text only where nothing else of the resource differs.
   */
  readonly packed?: readonly (keyof State & string)[];
  /**
   * Properties that say how pgsite gets to what the resource is about, and nothing of it. What a newer pgsite says there more than
   * the state of an older one is no difference; the engine keeps it with the inputs, which `read` goes by.
   */
  readonly ways?: readonly (keyof State & string)[];
  /**
   * Properties that say how something is written, and not what: another value is no difference, and what is written the next time
   * goes by it.
   */
  readonly manner?: readonly (keyof State & string)[];
  /** True where another id means another resource: the new one is made first, then the old one deleted. Else ids never change. */
  readonly replaceable?: boolean;

  /** Made of inputs alone. */
  id(state: State): string;
  /**
   * Derives and validates, in every preview and update. `actual` is what `read` found just before; undefined for a
   * resource that does not exist yet. An error among the problems fails the preview. Problems never hold a secret's value.
   */
  check(context: Context, args: Args, actual: State | undefined): Promise<Checked<State>>;
  /** @throws Unfinished where something was made and the rest failed. */
  create(context: Context, state: State): Promise<State>;
  /**
   * What is really there, in the terms of `State`; undefined where the object is known to be gone. `known` is undefined on
   * import. What it throws becomes a warning, and the resource is left as it was known.
   */
  read(context: Context, id: string, known: State | undefined): Promise<State | undefined>;
  update(context: Context, wanted: State, actual: State): Promise<State>;
  /** Also says, through the log, what it leaves. */
  delete(context: Context, state: State): Promise<void>;
}

export interface Checked<State> {
  readonly state: State;
  readonly problems?: readonly Problem[];
}

/** Something was made before it failed: the state is kept, and the next run finds and finishes it. */
export class Unfinished<State> extends Error {
  constructor(
    message: string,
    readonly state: State,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "Unfinished";
  }
}
