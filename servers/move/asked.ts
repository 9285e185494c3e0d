import type { Passwords, Server, Site } from "../../config/site.js";
import type { RunbookFacts } from "../../installed/runbook/render.js";
import type { MoveWish } from "../../postgres/move/model.js";

/** What a move is asked to do. */
export interface MoveAsked {
  /** The site as it is, and as it is to be. */
  readonly site: Site;
  readonly moved: Site;
  readonly server: Server;
  readonly to: Server;
  readonly passwords: Passwords;
  readonly acceptCollation?: boolean;
  /** @default "auto" */
  readonly wish?: MoveWish;
  /** Workers of a dump. @default as the stack says of upgrades */
  readonly jobs?: number;
  /** What the guard of a database that exists once is made of at the new place. */
  readonly runbook?: RunbookFacts;
  readonly signal: AbortSignal;
}
