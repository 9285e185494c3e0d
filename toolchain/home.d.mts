export interface HomeOptions {
  /** The folder of a `pulumi-resource-command` to use. @default the official one, or the stand-in */
  readonly given?: string;
}
/**
 * Makes a folder a Pulumi home (for PULUMI_HOME) that holds the `command` plugin 1.2.1, and tells which. Milliseconds
 * where it is one already; half a minute where the stand-in has to be built first.
 */
export declare function prepareHome(home: string, options?: HomeOptions): Promise<"official" | "stand-in" | "given">;
