import type { PageDrift, PageReport, PageServer, PageStack } from "../../servers/page/model.js";
import {
  backups,
  before,
  clean,
  ctioServers,
  fnal,
  over,
  rollouts,
  server,
  settings,
  stack,
  watch,
  written,
} from "./syntheticParts.js";

export { hostile, hostileTexts, hundred } from "./syntheticExtremes.js";

/** Reports for the page as sites would make them, without a site. The same in each run. */

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
        setting: "max_connections",
        there: "300",
        declared: "400",
        consequence: "restart in order",
      },
      {
        server: "server3",
        object: "postgresql.conf line 71 work_mem",
        setting: "work_mem",
        there: "64MB",
        declared: "32MB",
        consequence: "reload",
      },
      {
        server: "server3",
        object: "log_min_duration_statement of the running server",
        setting: "log_min_duration_statement",
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
        object: 'pg_hba.conf line 12, "host all all 0.0.0.0/0 trust"',
        there: "there, lets in without a password, and not declared",
        consequence: "reload",
        open: true,
      },
      { server: "server2", object: "role reader", there: "missing", declared: "there", consequence: "SQL" },
      {
        object: "the link /usr/remote/software/www/html/cfg/constants.cfg on system1",
        there: "constants.cfg_server3",
        declared: "constants.cfg_server2",
        consequence: "install",
      },
    ],
    reasons: [],
    plan: [
      "server3: install postgresql.conf and pg_hba.conf, take back log_min_duration_statement",
      "server3: restart, then wait until it streams from server2",
      "server2: install pg_hba.conf, reload",
      "server2: make the role reader",
      "system1: install the link constants.cfg",
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
    lagSeconds: 11_700,
    problems: [{ code: "notStreaming", message: "it does not stream from server2" }],
  };
  const { runs, ...kept } = backups();
  const ctio = stack({
    stack: "ctio",
    servers: [dead, writer],
    streams: [],
    // What lies on server2 cannot be looked at.
    backups: { ...kept, runs: runs.slice(1), whole: runs[1]?.name ?? "", unasked: true },
    watch: watch([
      {
        server: "server2",
        seenBy: "server3",
        condition: "peerHost",
        message: "The host of server server2 does not answer: nothing comes back from 192.0.2.3.",
        since: before(3.15),
      },
      {
        server: "server3",
        seenBy: "server3",
        condition: "role",
        message: "The server is not what the stack file declares: it takes writes.",
        since: before(2.15),
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
          there: "primary (it takes writes)",
          declared: "streams from server2",
          consequence: "by hand",
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
  const far = fnal(
    {
      streams: [
        {
          server: "des10",
          from: "server2",
          off: "its log says: could not connect to the primary server: No route to host",
        },
      ],
      watch: watch([
        {
          server: "des10",
          seenBy: "des10",
          condition: "notReceiving",
          message: "The standby does not receive WAL from server2.",
          since: before(2.15),
        },
      ]),
      drift: {
        outcome: "drift",
        differences: [
          {
            server: "des10",
            object: "replication",
            there: "does not stream",
            declared: "streams from server2",
            consequence: "wait",
          },
        ],
        reasons: [],
        plan: [],
        refusals: [],
      },
    },
    mirror,
  );
  return { format: 1, generatedAt: written, stacks: [ctio, far] };
}

/** Twelve servers in three sites; one of them with a chain, one alone. */
export function threeSites(): PageReport {
  const [ctio, far] = healthy().stacks as [PageStack, PageStack];
  const third = server({ name: "server4", role: "standby", lagBytes: 2_100_000_000, lagSeconds: 912 });
  const more = server({ name: "server5", role: "standby", lagBytes: 4096, lagSeconds: 1 });
  const fed: Readonly<Record<string, readonly string[]>> = {
    server2: ["server3", "des10", "server4"],
    server3: ["server5"],
  };
  const second = server({ name: "des11", role: "mirror", lagBytes: 220_000, lagSeconds: 4 });
  const eighteen = { version: "18.1", port: 5432, dataDirectory: "/srv/postgresql/18/main", timeline: 1 };
  const names = ["archive1", "archive2", "archive3", "archive4", "archive5"];
  const archive = names.map((name, index) =>
    server({
      ...eighteen,
      name,
      role: index === 0 ? "primary" : "standby",
      state: index === 0 ? "read-write" : "in recovery, read-only",
      ...(index === 0 ? { walSenders: names.slice(1) } : {}),
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
        servers: [...ctio.servers.map((each) => ({ ...each, walSenders: fed[each.name] ?? [] })), third, more],
        streams: [...ctio.streams, { server: "server4", from: "server2" }, { server: "server5", from: "server3" }],
      },
      {
        ...far,
        servers: [...far.servers.map((each) => ({ ...each, walSenders: ["des11"] })), second],
        streams: [...far.streams, { server: "des11", from: "des10" }],
      },
      stack({
        stack: "archive",
        site: "desarchive",
        version: "18",
        servers: archive,
        drift: { ...clean, outcome: "not asked" },
        backups: backups({
          ...{ server: "archive1", copies: "archive2", folder: "/srv/backups/archive1" },
          ...{ copiesFolder: "/srv/backups/archive1", schedule: "daily at 01:30, UTC", newest: 4 + 40 / 60, every: 24 },
        }),
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
