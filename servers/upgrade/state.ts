import type { Endpoint, Server } from "../../config/site.js";
import type { UpgradeWishes } from "../../postgres/upgrade/model.js";
import type { Major } from "../../postgres/versions.js";

/** What an upgrade goes by: the stack's servers as they are declared, at the new version. */
export interface UpgradeArgs {
  readonly site: string;
  readonly stack: string;
  /** Declared. */
  readonly version: Major;
  readonly administrator: string;
  readonly administratorPassword: string;
  /** The server that takes writes, or the only one; absent in a stack that mirrors. */
  readonly primary?: string;
  readonly upstream?: Endpoint;
  /** By name; `binDirectory` is that of the declared version. */
  readonly servers: Readonly<Record<string, Server>>;
  /** Folder of client programs, where that of the servers has none. */
  readonly clientDirectory?: string;
  readonly wishes: UpgradeWishes;
  /** Whether the preflight of an `up` installs what hosts lack (`install: packages`). @default no */
  readonly installs?: boolean;
  /** Whether the stack declares backups: one is made first. */
  readonly backups: boolean;
}

export interface UpgradeState extends UpgradeArgs {
  /** By server: the major version of its data; absent where it has none. */
  readonly versions: Readonly<Record<string, string>>;
  /** By server: the folder of programs that its data were last in force with. */
  readonly __programs?: Readonly<Record<string, string>>;
  /** Rises with each upgrade: standbys are seeded anew for it. */
  readonly generation: number;
}
