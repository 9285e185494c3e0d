export interface ToolchainEnvironmentOptions {
  /** A Pulumi home made by `prepareHome`. @default none: Pulumi's own, `~/.pulumi` */
  readonly home?: string;
  /** Folder of a file back end. @default none: the one logged in to */
  readonly state?: string;
  /** @default none: Pulumi asks */
  readonly passphrase?: string;
}
/**
 * The environment for children: the user's, with `pulumi` first on PATH (built if missing), no update check, and
 * without the user's own PULUMI_ variables.
 */
export declare function toolchainEnvironment(options?: ToolchainEnvironmentOptions): Promise<Record<string, string>>;
