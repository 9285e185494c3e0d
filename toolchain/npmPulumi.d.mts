/** Makes a folder one with `pulumi` and its language hosts, by npm's package. Returns why it could not, in a few words. */
export declare function fetchPulumi(
  version: string,
  folder: string,
  options?: {
    /** Unpacks the launcher in a folder, and returns where. @default npm's package `pulumi` */
    readonly unpack?: (launcher: object, work: string) => Promise<string>;
    /** Seconds in which some byte must come. @default 25 */
    readonly patience?: number;
  },
): Promise<string | undefined>;
