/** The folder of `pulumi` and `pulumi-language-nodejs`: from PATH where recent, else got or built once, into the user's cache. */
export declare function pulumiFolder(): Promise<string>;
/** The folder on `path` with a recent `pulumi` and its Node.js language host, or undefined. */
export declare function recentOnPath(path?: string): Promise<string | undefined>;
/** Whether a version as `pulumi version` prints it is 3.200 or newer. */
export declare function isRecent(version: string): boolean;
