/** The ways in which the files of a base backup come to their host. */
export const copyMethods = ["cp", "rsync", "pg_basebackup", "tar"] as const;
export type CopyMethod = (typeof copyMethods)[number];

/** What ends after this time without a byte: whatever moves a base backup, on whichever way. */
export const quietSeconds = 30;
