/** Where Pulumi keeps plugins: PULUMI_HOME, or `~/.pulumi`. */
export declare function pulumiHome(env?: NodeJS.ProcessEnv): string;
/** The folder of a resource plugin in a Pulumi home: of this version, or a newer one. */
export declare function installedPlugin(name: string, version: string, home: string): string | undefined;
/** The folder on PATH, or beside a `pulumi` on PATH, that has a resource plugin. */
export declare function pluginOnPath(name: string, path?: string): string | undefined;
