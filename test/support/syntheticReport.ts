import type {
  PageBackups,
  PageDrift,
  PageEvent,
  PageIncident,
  PageReport,
  PageServer,
  PageSetting,
  PageStack,
  PageStream,
} from "../../servers/page/model.js";

/** Reports for the page as sites would make them, without a site. The same in each run. */

/** When they are made: a Monday, 06:10 UTC, which is the middle of the night at CTIO. */
export const written = "2026-11-30T06:10:00.000Z";

const before = (hours: number): string => new Date(Date.parse(written) - hours * 3_600_000).toISOString();

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

const clean: PageDrift = { outcome: "clean", differences: [], reasons: [], plan: [], refusals: [] };

export function stack(given: Partial<PageStack> & Pick<PageStack, "stack" | "servers">): PageStack {
  const [first, ...others] = given.servers;
  const streams = others.map((each): PageStream => ({ server: each.name, from: first?.name ?? "" }));
  return { site: "sispi", version: "9.0", streams, drift: clean, history: [], unknown: [], ...given };
}

/** Sundays, five of them; a drill on each Monday after. */
export function backups(): PageBackups {
  const runs = [15, 183, 351, 519, 687].map((hours, index) => {
    const at = before(hours);
    const name = `${at.slice(0, 19).replaceAll(/[-:]/g, "")}Z`;
    const place =
      index === 0 ? "server2:/raid2/database/db_backup/server2" : "server3:/raid3/database/db_backup/server2";
    const drill = index === 0 ? {} : { verifiedAt: before(hours - 24) };
    return {
      name,
      at,
      server: "server2",
      place,
      bytes: 31_200_000_000 - index * 90_000_000,
      seconds: 5460 - index * 40,
      state: "whole" as const,
      ...drill,
    };
  });
  return {
    schedule: "Sundays at 11:02, America/Santiago",
    runs,
    whole: runs[0]?.name ?? "",
    verified: runs[1]?.name ?? "",
  };
}

const rollouts = (): readonly PageEvent[] => [
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

const watch = (incidents: readonly PageIncident[] = []) => ({ schedule: "at minute 1 of every hour", incidents });

const over: PageIncident = {
  server: "server3",
  seenBy: "server2",
  condition: "standbyAbsent",
  message: "The standby server3 does not stream from this server.",
  since: before(310),
  ended: before(309),
};

const ctioServers = (): PageServer[] => [
  server({ name: "server2", role: "primary", walSenders: ["server3", "des10"] }),
  server({ name: "server3", role: "standby", dataDirectory: "/raid3/database/sispi_db", lagBytes: 0 }),
];

const fnal = (given: Partial<PageStack> = {}, mirror: Partial<PageServer> = {}): PageStack => {
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

/** Three servers, all well. */
export function healthy(): PageReport {
  const ctio = stack({
    stack: "ctio",
    servers: ctioServers(),
    backups: backups(),
    watch: watch([over]),
    history: rollouts(),
  });
  return { format: 1, generatedAt: written, stacks: [ctio, fnal({ watch: watch() })] };
}

/** Somebody was on the servers with an editor. */
export function drifted(): PageReport {
  const [server2, server3] = ctioServers() as [PageServer, PageServer];
  const changed = settings({
    max_connections: { running: "300", differs: true },
    work_mem: { running: "64MB", differs: true },
    shared_buffers: { pendingRestart: true, running: "4GB", differs: true },
    log_min_duration_statement: { running: "250ms" },
  });
  const drift: PageDrift = {
    outcome: "drift",
    differences: [
      {
        server: "server3",
        object: "postgresql.conf max_connections",
        there: "300",
        declared: "400",
        consequence: "restart in order",
      },
      {
        server: "server3",
        object: "postgresql.conf line 71 work_mem",
        there: "64MB",
        declared: "32MB",
        consequence: "reload",
      },
      {
        server: "server3",
        object: "log_min_duration_statement of the running server",
        there: "250ms",
        declared: "its default",
        consequence: "reload",
      },
      {
        server: "server3",
        object: "mode and owner of pg_hba.conf",
        there: "0644 root",
        declared: "0600 postgres",
        consequence: "install",
      },
      {
        server: "server2",
        object: "pg_hba.conf line 12, host all all 0.0.0.0/0 trust,",
        there: "not declared: it lets in without a password",
        consequence: "reload",
      },
      { server: "server2", object: "role reader", there: "missing", consequence: "SQL" },
      {
        object: "the link /usr/remote/software/www/html/cfg/constants.cfg on system1",
        there: "constants.cfg_server3",
        declared: "constants.cfg_server2",
        consequence: "install",
      },
    ],
    reasons: [],
    plan: [
      "server3: install postgresql.conf and pg_hba.conf",
      "server3: restart, then wait until it streams from server2",
      "server2: install pg_hba.conf, reload",
      "server2: make the role reader",
    ],
    refusals: [],
  };
  const ctio = stack({
    stack: "ctio",
    servers: [server2, { ...server3, settings: changed }],
    backups: backups(),
    watch: watch([over]),
    history: rollouts(),
    drift,
  });
  return { format: 1, generatedAt: written, stacks: [ctio, fnal()] };
}

/** The primary's host died at night; server3 was promoted by hand, and the mirror still asks the dead one. */
export function failover(): PageReport {
  const [server2, server3] = ctioServers() as [PageServer, PageServer];
  const { version, timeline, systemIdentifier, walSenders, ...rest } = server2;
  const dead: PageServer = {
    ...rest,
    state: "unreachable",
    problems: [
      {
        code: "hostUnreachable",
        message: "server2 cannot be reached: connect to host 192.0.2.3 port 22: No route to host",
      },
    ],
    settings: settings().map(({ running: _, ...setting }) => setting),
  };
  const { lagBytes, lagSeconds, ...promoted } = server3;
  const writer: PageServer = {
    ...promoted,
    state: "read-write",
    timeline: 4,
    problems: [{ code: "writesUndeclared", message: "it takes writes, and is declared standby" }],
  };
  const mirror: Partial<PageServer> = {
    lagBytes: 48_400_000,
    lagSeconds: 10_980,
    problems: [{ code: "notStreaming", message: "it does not stream from server2" }],
  };
  const ctio = stack({
    stack: "ctio",
    servers: [dead, writer],
    streams: [],
    backups: backups(),
    watch: watch([
      {
        server: "server2",
        seenBy: "server3",
        condition: "peerHost",
        message: "The host of server server2 does not answer: nothing comes back from 192.0.2.3.",
        since: before(3.1),
      },
      {
        server: "des10",
        seenBy: "des10",
        condition: "notReceiving",
        message: "The server does not receive WAL from server2.",
        since: before(2.1),
      },
      {
        server: "server3",
        seenBy: "server3",
        condition: "role",
        message: "The server takes writes, and is declared standby.",
        since: before(2.1),
      },
      over,
    ]),
    history: [
      {
        at: before(2.6),
        kind: "role",
        server: "server3",
        by: "hand",
        result: "succeeded",
        message: "server3 took over from server2 (runbook/failover): timeline 4 begins, from 3 at 0/5D2A9F8",
      },
      ...rollouts(),
    ],
    drift: {
      outcome: "drift",
      differences: [
        {
          server: "server3",
          object: "role",
          there: "takes writes",
          declared: "streams from server2",
          consequence: "by hand",
        },
        {
          server: "des10",
          object: "replication",
          there: "does not stream",
          declared: "streams from server2",
          consequence: "wait",
        },
      ],
      reasons: ["server2: its host cannot be reached"],
      plan: [],
      refusals: [
        "server3 takes writes and is declared standby: declare it primary, and server2 lost (docs/failover.md)",
      ],
    },
    unknown: ["server2: its host cannot be reached, so its backups and its watch are not known"],
  });
  const off = [
    {
      server: "des10",
      from: "server2",
      off: "its log says: could not connect to the primary server: No route to host",
    },
  ];
  return { format: 1, generatedAt: written, stacks: [ctio, fnal({ streams: off, watch: watch() }, mirror)] };
}

/** Twelve servers in three sites; one of them with a chain, one alone. */
export function threeSites(): PageReport {
  const [ctio, far] = healthy().stacks as [PageStack, PageStack];
  const third = server({ name: "server4", role: "standby", lagBytes: 2_100_000_000, lagSeconds: 912 });
  const more = server({ name: "server5", role: "standby", lagBytes: 4096, lagSeconds: 1 });
  const second = server({ name: "des11", role: "mirror", lagBytes: 220_000, lagSeconds: 4 });
  const eighteen = { version: "18.1", port: 5432, dataDirectory: "/srv/postgresql/18/main", timeline: 1 };
  const names = ["archive1", "archive2", "archive3", "archive4", "archive5"];
  const archive = names.map((name, index) =>
    server({
      ...eighteen,
      name,
      role: index === 0 ? "primary" : "standby",
      state: index === 0 ? "read-write" : "in recovery, read-only",
    }),
  );
  const msyspg = server({
    name: "msyspg",
    role: "standalone",
    host: "momentum",
    version: "9.0.4",
    port: 5432,
    dataDirectory: "/var/db/msyspg",
    timeline: 1,
  });
  return {
    format: 1,
    generatedAt: written,
    stacks: [
      {
        ...ctio,
        servers: [...ctio.servers, third, more],
        streams: [...ctio.streams, { server: "server4", from: "server2" }, { server: "server5", from: "server3" }],
      },
      { ...far, servers: [...far.servers, second], streams: [...far.streams, { server: "des11", from: "des10" }] },
      stack({
        stack: "archive",
        site: "desarchive",
        version: "18",
        servers: archive,
        drift: { ...clean, outcome: "not asked" },
        backups: { ...backups(), schedule: "daily at 01:30, UTC" },
        watch: watch(),
        history: [
          {
            at: before(7),
            kind: "upgrade",
            by: "pulumi",
            result: "succeeded",
            message: "upgraded from PostgreSQL 17 to 18 by pg_upgrade; clients waited 42s",
          },
        ],
      }),
      stack({ stack: "momentum", site: "momentum", servers: [msyspg], streams: [], drift: clean }),
    ],
  };
}

/** A hundred servers of one site in four stacks, each with 120 settings. */
export function hundred(): PageReport {
  const more = Object.fromEntries(
    Array.from({ length: 102 }, (_, index) => [
      `custom_setting_number_${index}`,
      { declared: `${index * 7} kB`, running: `${index * 7} kB` },
    ]),
  );
  const stacks = [40, 30, 20, 10].map((size, place): PageStack => {
    const servers = Array.from({ length: size }, (_, index) => {
      const name = `node${place}-${String(index).padStart(2, "0")}`;
      const first = index === 0;
      const role = first ? (place === 0 ? "primary" : "mirror") : place === 0 ? "standby" : "mirror";
      const other = index % 13 === 5 ? { work_mem: { running: `${index}MB`, differs: true } } : {};
      const slow = index % 17 === 9 ? { lagBytes: 900_000_000 + index, lagSeconds: 300 } : {};
      const down =
        index === 7
          ? {
              state: "stopped" as const,
              problems: [{ code: "stopped", message: "it does not run: run pulumi up, or pgsite start" }],
            }
          : {};
      return server({ name, role, settings: settings({ ...more, ...other }), ...slow, ...down });
    });
    const root = servers[0] as PageServer;
    const streams = servers.slice(1).map((each) => ({ server: each.name, from: root.name }));
    const far = place === 0 ? [] : [{ server: root.name, from: "node0-00" }];
    const history = Array.from(
      { length: 60 },
      (_, index): PageEvent => ({
        at: before(30 + 24 * index),
        kind: "update",
        by: "pulumi",
        result: "succeeded",
        message: `pulumi up: ${index} update`,
      }),
    );
    return stack({
      stack: `region${place}`,
      site: "large",
      version: "9.0",
      servers,
      streams: [...far, ...streams],
      backups: backups(),
      watch: watch(),
      history,
    });
  });
  return { format: 1, generatedAt: written, stacks };
}

/** Names and values as somebody would choose them who wants to be more than text. */
export const hostileTexts = {
  script: `</script><script>window.pwned = "script"</script>`,
  comment: "<!--<script>",
  image: `<img src=x onerror="window.pwned = 'image'">`,
  long: "x".repeat(300),
  rightToLeft: "שרת‮2revres‬ خادم",
  quotes: `"'\`\${7*7} {{data}} $& javascript:alert(1)`,
};

/** The site of three with such texts wherever a text may stand. */
export function hostile(): PageReport {
  const { script, comment, image, long, rightToLeft, quotes } = hostileTexts;
  const [first, second] = ctioServers() as [PageServer, PageServer];
  const bad = settings({
    search_path: { declared: image, running: script, differs: true },
    log_directory: { declared: long, running: long },
    [quotes]: { running: comment },
  });
  const servers = [
    {
      ...first,
      name: image,
      host: script,
      dataDirectory: long,
      settings: bad,
      walSenders: [long, image],
      problems: [{ code: "unanswered", message: `${quotes} ${script}` }],
    },
    { ...second, name: rightToLeft, host: long, address: quotes, late: image },
    server({ name: long, role: "standby", state: "stopped" }),
  ];
  const [run] = backups().runs;
  const one = stack({
    stack: script,
    site: quotes,
    servers,
    streams: [
      { server: rightToLeft, from: image },
      { server: long, from: image, off: script },
    ],
    drift: {
      outcome: "drift",
      differences: [{ server: image, object: script, there: long, declared: rightToLeft, consequence: comment }],
      reasons: [image],
      plan: [script, long],
      refusals: [quotes],
    },
    backups: {
      schedule: image,
      runs: [{ ...(run as NonNullable<typeof run>), name: script, place: long, server: rightToLeft, at: quotes }],
      whole: script,
    },
    watch: {
      schedule: script,
      incidents: [{ server: long, seenBy: image, condition: script, message: rightToLeft, since: before(1) }],
    },
    history: [
      {
        at: before(1),
        kind: "role",
        by: "hand",
        result: "failed",
        server: rightToLeft,
        message: `${script}${comment}${long}`,
      },
    ],
    unknown: [script, rightToLeft],
  });
  return { format: 1, generatedAt: written, stacks: [one] };
}
