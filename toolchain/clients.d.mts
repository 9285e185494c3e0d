/** A folder of PostgreSQL's client programs for servers of a major version (`"9.6"`, `"15"`); undefined where none can be had. */
export declare function clientPrograms(major: string): Promise<string | undefined>;
/** A folder with every program of a major version (`"15"`, `"17"`), pg_upgrade and clients too; undefined where none can be had. */
export declare function allPrograms(major: string): Promise<string | undefined>;
