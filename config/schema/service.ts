/**
 * Who starts services on a host. `crontab`: cron, by a line of the OS user's own, which takes no root. `none`: nobody; a server
 * does not come back by itself after a reboot.
 */
export const managers = ["systemd", "sysv", "crontab", "none"] as const;
export type Manager = (typeof managers)[number];

/** Names of services that both systemd and System V take, and no shell minds. */
export const serviceName = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;
