export interface HomeOptions {
  /** The folder of a `pulumi-resource-command` to use. @default the official one, or the bundled stand-in */
  readonly given?: string;
  /** Does not say that the stand-in stands in. @default false */
  readonly quiet?: boolean;
}
/**
 * Makes a folder a Pulumi home (for PULUMI_HOME) that holds the `command` plugin 1.2.1, and tells which. Milliseconds
 * where it is one already. The stand-in needs `dist/` to be built.
 */
export declare function prepareHome(home: string, options?: HomeOptions): Promise<"official" | "stand-in" | "given">;
/** The official plugin's program, fetched if it can be (a failure is remembered for a day); undefined where it cannot. */
export declare function findCommandPlugin(): Promise<string | undefined>;
