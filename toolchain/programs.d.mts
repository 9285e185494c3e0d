/** The major versions (`"9.6"`, `"10"` … `"18"`) whose server programs can be had on this machine, oldest first. */
export declare function availableMajors(): string[];
/** The folder with initdb, pg_ctl and postgres of a major version, searchable by everyone; fetched once if missing. */
export declare function programs(major: string): Promise<string>;
