import type {
  PageBackups,
  PageDrift,
  PageEvent,
  PageIncident,
  PageServer,
  PageSetting,
  PageStack,
  PageStream,
} from "../../servers/page/model.js";

/** Parts of reports for the page, as a site would make them, without a site. The same in each run. */

/** When they are made: a Monday, 06:10 UTC, which is the middle of the night at CTIO. */
export const written = "2026-11-30T06:10:00.000Z";

export const before = (hours: number): string => new Date(Date.parse(written) - hours * 3_600_000).toISOString();

const declared: Readonly<Record<string, string>> = {
  listen_addresses: "*",
  max_connections: "400",
  logging_collector: "on",
  log_directory: "pg_log",
  log_filename: "postgresql-%Y-%m.log",
  log_rotation_age: "43200",
  search_path: 'constants,telemetry,alarms,users,exposure,bss,obstac,"$user",public',
  timezone: "UTC",
  wal_level: "hot_standby",
  max_wal_senders: "3",
  wal_keep_segments: "64",
  hot_standby: "off",
  port: "5442",
  shared_buffers: "8GB",
  work_mem: "32MB",
  maintenance_work_mem: "1GB",
  checkpoint_segments: "64",
  effective_cache_size: "24GB",
};

export function settings(other: Readonly<Record<string, Partial<PageSetting>>> = {}): readonly PageSetting[] {
  const rows = Object.entries(declared).map(([name, value]): PageSetting => {
    return { name, declared: value, running: value, differs: false, ...other[name] };
  });
  const known = new Set(Object.keys(declared));
  const more = Object.entries(other).filter(([name]) => !known.has(name));
  return [...rows, ...more.map(([name, rest]): PageSetting => ({ name, differs: false, ...rest }))];
}

type Given = Partial<PageServer> & Pick<PageServer, "name" | "role">;

export function server(given: Given): PageServer {
  const { name, role } = given;
  const writes = role === "primary" || role === "standalone";
  return {
    host: name,
    address: `192.0.2.${(Number(/\d+$/.exec(name)?.[0] ?? 1) % 250) + 1}`,
    port: 5442,
    dataDirectory: `/raid2/database/sispi_db`,
    version: "9.0.23",
    state: writes ? "read-write" : role === "mirror" ? "in recovery, read-only" : "in recovery, refuses queries",
    timeline: 3,
    ...(writes ? {} : { lagBytes: 16_384, lagSeconds: 2 }),
    systemIdentifier: "7312345678901234567",
    problems: [],
    settings: settings(),
    ...given,
  };
}

export const clean: PageDrift = { outcome: "clean", differences: [], reasons: [], plan: [], refusals: [] };

export function stack(given: Partial<PageStack> & Pick<PageStack, "stack" | "servers">): PageStack {
  const [first, ...others] = given.servers;
  const streams = others.map((each): PageStream => ({ server: each.name, from: first?.name ?? "" }));
  return { site: "sispi", version: "9.0", streams, drift: clean, history: [], unknown: [], ...given };
}

/** Whose backups: who makes them, who has the copies, in which folder, and by which schedule. */
export interface BackupsGiven {
  readonly server: string;
  readonly copies: string;
  readonly folder: string;
  readonly copiesFolder: string;
  readonly schedule: string;
  /** Hours since the newest, and between two of them. */
  readonly newest: number;
  readonly every: number;
}

const sundays: BackupsGiven = {
  server: "server2",
  copies: "server3",
  folder: "/raid2/database/db_backup/server2",
  copiesFolder: "/raid3/database/db_backup/server2",
  schedule: "Sundays at 11:02, America/Santiago",
  // 14:02 UTC.
  newest: 16 + 8 / 60,
  every: 168,
};

/** Five of them by the schedule, the older ones copies; a drill on the day after each. */
export function backups(given: Partial<BackupsGiven> = {}): PageBackups {
  const { server, copies, folder, copiesFolder, schedule, newest, every } = { ...sundays, ...given };
  const runs = [0, 1, 2, 3, 4].map((index) => {
    const hours = newest + index * every;
    const at = before(hours);
    const drill = index === 0 ? {} : { verifiedAt: before(hours - 23) };
    return {
      name: `${at.slice(0, 19).replaceAll(/[-:]/g, "")}Z`,
      at,
      server,
      place: index === 0 ? `${server}:${folder}` : `${copies}:${copiesFolder}`,
      bytes: 31_200_000_000 - index * 90_000_000,
      seconds: 5460 - index * 40,
      state: "whole" as const,
      ...drill,
    };
  });
  return { schedule, runs, whole: runs[0]?.name ?? "", verified: runs[1]?.name ?? "" };
}

export const rollouts = (): readonly PageEvent[] => [
  { at: before(52), kind: "update", by: "pulumi", result: "succeeded", message: "pulumi up: 2 update, 61 same" },
  {
    at: before(412),
    kind: "role",
    server: "server2",
    by: "pulumi",
    result: "succeeded",
    message: "server2 took over from server3: timeline 3 begins, from 2 at 0/4C1B2E0",
  },
  {
    at: before(412),
    kind: "role",
    server: "server3",
    by: "pulumi",
    result: "succeeded",
    message: "server3 follows server2",
  },
  { at: before(900), kind: "update", by: "pulumi", result: "failed", message: "pulumi up: 1 update" },
];

export const watch = (incidents: readonly PageIncident[] = []) => ({
  schedule: "at minute 1 of every hour",
  incidents,
});

export const over: PageIncident = {
  server: "server3",
  seenBy: "server2",
  condition: "standbyAbsent",
  message: "The standby server3 does not stream from this server.",
  // The watch looks at minute 1.
  since: before(310.15),
  ended: before(309.15),
};

export const ctioServers = (): PageServer[] => [
  server({ name: "server2", role: "primary", walSenders: ["server3", "des10"] }),
  server({ name: "server3", role: "standby", dataDirectory: "/raid3/database/sispi_db", lagBytes: 0 }),
];

export const fnal = (given: Partial<PageStack> = {}, mirror: Partial<PageServer> = {}): PageStack => {
  const hot = { hot_standby: { declared: "on", running: "on" } };
  const des10 = server({
    name: "des10",
    role: "mirror",
    dataDirectory: "/data/database/sispi_db",
    settings: settings(hot),
    ...mirror,
  });
  return stack({
    stack: "fnal",
    servers: [des10],
    streams: [{ server: "des10", from: "server2" }],
    history: rollouts().slice(3),
    ...given,
  });
};
