import type { BaseBackupChoice, Endpoint } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import type { Filled } from "../data/ownFiles.js";
import type { Login } from "../sql/session.js";
import type { CopyMethod } from "./methods.js";
import type { CopyProgress } from "./progress.js";

export interface BaseBackupOptions {
  /** The writable server. */
  readonly source: { readonly endpoint: Endpoint; readonly host: Host };
  readonly target: { readonly server: Filled; readonly host: Host };
  /** A superuser on the source. */
  readonly login: Login;
  /** Whom standbys connect as. @default pg_basebackup is left out */
  readonly replication?: Login;
  /** Whatever the hosts. @default between two hosts `method`, on one cp */
  readonly copy?: CopyMethod | "auto";
  /** @default "auto", the best that the two hosts can */
  readonly method?: Exclude<BaseBackupChoice["method"], "archive">;
  /** Bytes a second between hosts. @default as fast as it goes */
  readonly rateLimit?: number;
  readonly progress?: CopyProgress;
  readonly report?: (line: string) => void;
  readonly signal?: AbortSignal;
}

export interface BaseBackupResult {
  readonly systemIdentifier: string;
  readonly method: CopyMethod;
  /** Bytes copied, and bytes that an earlier attempt had copied and that are proven unchanged. */
  readonly copied: number;
  readonly kept: number;
}

/** Everything said: what the ways get to work with. */
export interface Work extends BaseBackupOptions {
  readonly progress: CopyProgress;
  readonly report: (line: string) => void;
  readonly signal: AbortSignal;
}
