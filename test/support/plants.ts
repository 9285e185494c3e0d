import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { atLeast } from "../../postgres/versions.js";
import type { Plot } from "./plantSite.js";

/** One change behind pgsite's back, and how the preview is to say it. */
export interface Plant {
  readonly name: string;
  readonly plant: (plot: Plot) => Promise<void>;
  /** A whole sentence, or its beginning and its end with `…` between. */
  readonly said: string | ((plot: Plot) => string);
  /** False where it cannot stand beside the others, for they touch the same. @default true */
  readonly together?: boolean;
  readonly from?: "12" | "13";
}

const conf = "postgresql.conf";
const hba = "pg_hba.conf";
const without = (pattern: RegExp) => (text: string) => text.replace(pattern, "");
const raise = (size: number) => `max_connections = ${size}`;

const ofFiles: readonly Plant[] = [
  {
    name: "a setting edited and not reloaded",
    plant: (plot) => plot.append("server2", conf, "maintenance_work_mem = 99MB"),
    said: "server2: postgresql.conf maintenance_work_mem is 99MB (waits for a reload: the server runs with 64MB), declared unset (64MB): reload",
    together: false,
  },
  {
    name: "a setting edited and reloaded",
    plant: async (plot) => {
      await plot.append("server2", conf, "work_mem = 64MB");
      await plot.reload("server2");
    },
    said: "server2: postgresql.conf work_mem is 64MB, declared 5MB: reload",
    together: false,
  },
  {
    name: "a setting added",
    plant: async (plot) => {
      await plot.append("des10", conf, "log_min_duration_statement = 250");
      await plot.reload("des10");
    },
    said: "des10: postgresql.conf log_min_duration_statement is 250ms, declared unset (-1): reload",
  },
  {
    name: "a setting removed",
    plant: async (plot) => {
      await plot.edit("des10", conf, without(/^work_mem.*\n/m));
      await plot.reload("des10");
    },
    said: "des10: postgresql.conf work_mem is unset (4MB), declared 5MB: reload",
  },
  {
    name: "the search path extended",
    plant: async (plot) => {
      await plot.append("server2", conf, `search_path = 'science,"$user",public,intruder'`);
      await plot.reload("server2");
    },
    said: `server2: postgresql.conf search_path is science,"$user",public,intruder, declared science,"$user",public: reload`,
  },
  {
    name: "a hot-standby floor raised and restarted",
    plant: async (plot) => {
      await plot.append("des10", conf, raise(60));
      await plot.restart("des10");
    },
    said: "des10: postgresql.conf max_connections is 60, declared 40: restart in order",
    together: false,
  },
  {
    name: "a hot-standby floor of a warm standby",
    plant: (plot) => plot.append("server3", conf, raise(70)),
    said: "server3: postgresql.conf max_connections is 70, declared 40: restart in order",
  },
  {
    name: "a setting that takes a restart, restarted",
    plant: async (plot) => {
      await plot.append("des10", conf, "shared_buffers = 16MB");
      await plot.restart("des10");
    },
    said: "des10: postgresql.conf shared_buffers is 16MB, declared 8MB: restart",
  },
  {
    name: "a setting that takes a restart, not restarted",
    plant: (plot) => plot.append("server2", conf, "max_locks_per_transaction = 99"),
    said: "server2: postgresql.conf max_locks_per_transaction is 99 (waits for a restart: the server runs with 64), declared unset (64): reload",
  },
  {
    name: "a comment in postgresql.conf",
    plant: (plot) => plot.append("server3", conf, "# somebody was here"),
    said: "server3: the text of postgresql.conf is not as declared, and means the same: nothing",
    together: false,
  },
  {
    name: "a line that is no setting",
    plant: (plot) => plot.append("server3", conf, "this is = no = setting"),
    said: "server3: postgresql.conf line … is not a setting: install",
  },
  {
    name: "another file included",
    plant: async (plot) => {
      writeFileSync(plot.path("server2", "extra.conf"), "log_lock_waits = on\n", { mode: 0o644 });
      await plot.append("server2", conf, "include_if_exists 'extra.conf'");
      await plot.reload("server2");
    },
    said: "server2: postgresql.conf include_if_exists extra.conf is included, declared unset: reload",
  },
  {
    name: "postgresql.conf removed",
    plant: async (plot) => rmSync(plot.path("des10", conf)),
    said: "des10: postgresql.conf is missing: reload",
    together: false,
  },
  {
    name: "postgresql.conf readable by all",
    plant: async (plot) => chmodSync(plot.path("server3", conf), 0o644),
    said: (plot) =>
      `server3: mode and owner of postgresql.conf is 0644 ${plot.host("server3").user}, declared 0600 ${plot.host("server3").user}: install`,
  },
  {
    name: "ALTER SYSTEM of a setting that reloads",
    plant: async (plot) => {
      await plot.sql("server2", "alter system set log_statement = 'all'");
      await plot.reload("server2");
    },
    said: "server2: postgresql.auto.conf log_statement is all, declared unset (none): reload",
  },
  {
    name: "ALTER SYSTEM of a setting that waits for a restart",
    plant: async (plot) => {
      await plot.sql("server2", "alter system set max_prepared_transactions = 3");
      await plot.reload("server2");
    },
    said: "server2: postgresql.auto.conf max_prepared_transactions is 3 (waits for a restart: the server runs with 0), declared unset (0): reload",
  },
  {
    name: "ALTER SYSTEM of a hot-standby floor, restarted",
    plant: async (plot) => {
      await plot.sql("des10", "alter system set max_worker_processes = 12");
      await plot.restart("des10");
    },
    said: "des10: postgresql.auto.conf max_worker_processes is 12, declared unset (8): restart in order",
  },
  {
    name: "a setting on the command line",
    plant: async (plot) => {
      await plot.stop("des10");
      await plot.startWith("des10", "-c temp_buffers=2MB");
    },
    said: "des10: temp_buffers of the running server is 2MB (from command line), declared unset (8MB): restart",
    together: false,
  },
  {
    name: "a file put back after a reload",
    plant: async (plot) => {
      const before = plot.read("server2", conf);
      await plot.append("server2", conf, "work_mem = 64MB");
      await plot.reload("server2");
      await plot.edit("server2", conf, () => before);
    },
    said: "server2: work_mem of the running server is 64MB (from an earlier version of its files), declared 5MB: reload",
    together: false,
  },
  {
    name: "a file put back after a restart",
    plant: async (plot) => {
      const before = plot.read("des10", conf);
      await plot.append("des10", conf, raise(60));
      await plot.restart("des10");
      await plot.edit("des10", conf, () => before);
    },
    said: "des10: max_connections of the running server is 60 (from an earlier version of its files), declared 40: restart in order",
    together: false,
  },
];

const ofAccess: readonly Plant[] = [
  {
    name: "a rule of trust",
    plant: (plot) => plot.append("server2", hba, "host all all 0.0.0.0/0 trust"),
    said: 'server2: pg_hba.conf line …, "host  all  all  0.0.0.0/0  trust", is there, lets in without a password, and not declared: reload',
  },
  {
    name: "a rule removed",
    plant: (plot) => plot.edit("server3", hba, without(/^host +science .*\n/m)),
    said: 'server3: pg_hba.conf "host  science  reader  127.0.0.1/32  scram-sha-256" is missing: reload',
  },
  {
    name: "a rule edited",
    plant: (plot) =>
      plot.edit("des10", hba, (text) => text.replace(/(?<=^host +science +reader +)[^ ]+/m, "198.51.0.0/16")),
    said: 'des10: pg_hba.conf line …, "host  science  reader  198.51.0.0/16  scram-sha-256", is there and not declared: reload',
  },
  {
    name: "rules in another order",
    plant: (plot) =>
      plot.edit("des10", hba, (text) => {
        const lines = text.split("\n");
        const [first, second] = [
          lines.findIndex((line) => /^host +all +all/.test(line)),
          lines.findIndex((line) => /^host +science/.test(line)),
        ] as [number, number];
        [lines[first], lines[second]] = [lines[second] ?? "", lines[first] ?? ""];
        return lines.join("\n");
      }),
    said: "des10: the order of rules in pg_hba.conf is not as declared (the first that matches decides): reload",
    together: false,
  },
  {
    name: "a comment in pg_hba.conf",
    plant: (plot) => plot.append("des10", hba, "# somebody was here"),
    said: "des10: the text of pg_hba.conf is not as declared, and means the same: nothing",
    together: false,
  },
  {
    name: "a rule that no server takes",
    plant: (plot) => plot.append("des10", hba, "host all all 192.0.2.77/32 nonsense"),
    said: 'des10: the server is not willing to take pg_hba.conf line …: invalid authentication method "nonsense": reload',
  },
  {
    name: "pg_hba.conf readable by all",
    plant: async (plot) => chmodSync(plot.path("server2", hba), 0o644),
    said: (plot) =>
      `server2: mode and owner of pg_hba.conf is 0644 ${plot.host("server2").user}, declared 0600 ${plot.host("server2").user}: install`,
  },
  {
    name: "pg_hba.conf removed",
    plant: async (plot) => rmSync(plot.path("des10", hba)),
    said: "des10: pg_hba.conf is missing: reload",
    together: false,
  },
  {
    name: "a passfile readable by all",
    plant: async (plot) => chmodSync(plot.path("server3", "passfile"), 0o644),
    said: (plot) => `the mode of ${plot.path("server3", "passfile")} on server3 is 0644, declared 0600: install`,
  },
  {
    name: "a passfile with another password",
    plant: (plot) => plot.edit("des10", "passfile", (text) => `${text}*:*:*:nobody:somebody's\n`),
    said: (plot) =>
      `the content of ${plot.path("des10", "passfile")} on des10 is another than declared (secret, so not shown): install`,
  },
  {
    name: "a passfile removed",
    plant: async (plot) => rmSync(plot.path("server2", "passfile")),
    said: (plot) => `${plot.path("server2", "passfile")} on server2 is missing: install`,
  },
];

const elsewhere = (text: string) => text.replace(/host=\S+/, "host=127.0.0.99");

const ofReplication: readonly Plant[] = [
  {
    name: "the signal that makes a standby, removed",
    plant: async (plot) => rmSync(plot.path("server3", atLeast(plot.major, "12") ? "standby.signal" : "recovery.conf")),
    said: ({ major }) =>
      atLeast(major, "12")
        ? "server3: standby.signal is missing: install"
        : "server3: recovery.conf is missing: restart",
  },
  {
    name: "a signal that makes a server recover",
    plant: async (plot) => writeFileSync(plot.path("server2", "recovery.signal"), "", { mode: 0o600 }),
    said: "server2: recovery.signal is there and must not be: install",
    from: "12",
  },
  {
    name: "recovery.conf beside a primary",
    plant: async (plot) => writeFileSync(plot.path("server2", "recovery.conf"), "", { mode: 0o600 }),
    said: "server2: recovery.conf is there and must not be: install",
  },
  {
    name: "another primary_conninfo",
    plant: (plot) => plot.edit("des10", plot.recoveryFile, elsewhere),
    said: (plot) => {
      const [there, declared] = [`host=127.0.0.99`, `host=${plot.server("server2").address}`];
      if (!atLeast(plot.major, "12"))
        return `des10: recovery.conf primary_conninfo is ${there}, declared ${declared}: restart`;
      return `des10: postgresql.conf primary_conninfo is ${there} (waits for a …), declared ${declared}: reload`;
    },
  },
  {
    name: "a standby that streams from nobody",
    plant: async (plot) => {
      await plot.edit("des10", plot.recoveryFile, elsewhere);
      await plot.restart("des10");
    },
    said: "des10: replication is off: it does not stream from server2…, declared streams from server2: wait",
    together: false,
  },
  {
    name: "a delay of replay",
    plant: async (plot) => {
      await plot.append("des10", plot.recoveryFile, "recovery_min_apply_delay = 60000");
      if (atLeast(plot.major, "12")) await plot.reload("des10");
    },
    said: ({ major, recoveryFile }) =>
      `des10: ${recoveryFile} recovery_min_apply_delay is 1min, declared unset (0): ${atLeast(major, "12") ? "reload" : "restart"}`,
    together: false,
  },
  {
    name: "a warm standby stopped",
    plant: (plot) => plot.stop("server3"),
    said: "server3: the server is stopped, declared running: start",
    together: false,
  },
  {
    name: "a mirror stopped",
    plant: (plot) => plot.stop("des10"),
    said: "des10: the server is stopped, declared running: start",
    together: false,
  },
  {
    name: "a primary stopped",
    plant: (plot) => plot.stop("server2"),
    said: "server2: the server is stopped, declared running: start",
    together: false,
  },
  {
    name: "a foreign slot on the primary",
    plant: (plot) => plot.sql("server2", "select pg_create_physical_replication_slot('left_over', true)"),
    said: "server2: replication slot left_over (physical) is there and keeps WAL, declared nowhere: SQL",
  },
  {
    name: "a foreign slot on a standby",
    plant: (plot) => plot.sql("des10", "select pg_create_physical_replication_slot('hanging')"),
    said: "des10: replication slot hanging (physical) is there and keeps WAL, declared nowhere: SQL",
  },
];

const sql = (name: string, statements: string | readonly string[], said: string, more: Partial<Plant> = {}): Plant => ({
  name,
  plant: (plot) => plot.sql("server2", ...[statements].flat()),
  said: `${said}: SQL`,
  ...more,
});

const ofSql: readonly Plant[] = [
  sql(
    "an extra superuser",
    ["drop role if exists mallory", "create role mallory superuser"],
    "role mallory is a superuser, declared nowhere",
  ),
  sql("a role made superuser", "alter role reader superuser", "SUPERUSER of role reader is on, declared off"),
  sql("a role that may make roles", "alter role reader createrole", "CREATEROLE of role reader is on, declared off"),
  sql("a role that may make databases", "alter role reader createdb", "CREATEDB of role reader is on, declared off"),
  sql("a role that may replicate", "alter role reader replication", "REPLICATION of role reader is on, declared off"),
  sql("a group that may log in", "alter role observers login", "LOGIN of role observers is on, declared off"),
  sql(
    "another connection limit",
    "alter role reader connection limit 3",
    "CONNECTION LIMIT of role reader is 3, declared 7",
  ),
  sql(
    "a membership revoked",
    "revoke observers from reader",
    "membership of role reader is nothing, declared observers",
  ),
  sql(
    "a membership granted",
    "grant pg_monitor to observers",
    "membership of role observers is pg_monitor, declared nothing",
  ),
  sql(
    "another password",
    "alter role reader password 'by hand'",
    "the password of role reader is another than declared",
  ),
  sql(
    "a role's setting changed",
    "alter role reader set work_mem = '9MB'",
    "work_mem of role reader is 9MB, declared 6MB",
  ),
  sql(
    "a role's setting added",
    "alter role reader set log_statement = 'all'",
    "log_statement of role reader is all, declared unset",
  ),
  sql(
    "a role's setting removed",
    "alter role reader reset work_mem",
    "work_mem of role reader is unset, declared 6MB",
    { together: false },
  ),
  sql(
    "an undeclared role's setting",
    ["drop role if exists wanderer", "create role wanderer", "alter role wanderer set search_path = a, b"],
    "search_path of role wanderer is 'a, b', declared unset",
  ),
  sql(
    "a database's setting changed",
    "alter database science set statement_timeout = '1h'",
    "statement_timeout of database science is 1h, declared 5min",
  ),
  sql(
    "a database's setting added",
    "alter database postgres set search_path = evil",
    "search_path of database postgres is evil, declared unset",
  ),
  sql(
    "a role's setting in one database",
    "alter role reader in database science set search_path = other",
    "search_path of role reader in database science is other, declared 'science, public'",
  ),
  sql(
    "a setting of all roles",
    "alter role all set lock_timeout = '5s'",
    "lock_timeout of all roles is 5s, declared unset",
  ),
  sql(
    "another owner of a database",
    "alter database science owner to dbadmin",
    "owner of database science is dbadmin, declared reader",
  ),
  sql(
    "a database's connection limit",
    "alter database science connection limit 9",
    "CONNECTION LIMIT of database science is 9, declared -1",
  ),
  sql("a role dropped", "drop role observers", "role observers is missing", { together: false }),
];

export const plants: readonly Plant[] = [...ofFiles, ...ofAccess, ...ofReplication, ...ofSql];

/** Whether a preview says a plant: `…` stands for what depends on the machine. */
export function saysSo(lines: readonly string[], plant: Plant, plot: Plot): boolean {
  const text = typeof plant.said === "string" ? plant.said : plant.said(plot);
  const parts = text.split("…");
  return lines.some((line) => {
    const [first = "", ...rest] = parts;
    if (!line.startsWith(first)) return false;
    let at = first.length;
    for (const part of rest) {
      const next = line.indexOf(part, at);
      if (next < 0) return false;
      at = next + part.length;
    }
    return rest.length === 0 ? line === text : line.endsWith(rest.at(-1) ?? "");
  });
}

const actions = ["nothing", "install", "reload", "restart", "start"] as const;

/** Where a server's turn in the rollout is not what its differences say is needed. */
export function contradictions(said: readonly string[]): readonly string[] {
  const plan = said.find((line) => line.startsWith("the rollout:\n"))?.split("\n") ?? [];
  return plan.slice(1).flatMap((step) => {
    const [, server, action] = /^\d+\. (\S+): (\w+)/.exec(step) ?? [];
    const needed = said
      .filter((line) => line.startsWith(`${server}: `) && !/: (?:SQL|wait)$/.test(line))
      .map((line) => actions.findIndex((one) => new RegExp(`: ${one}(?: in order)?$`).test(line)));
    const most = actions[Math.max(...needed)];
    return (most === "nothing" ? "install" : most) === action ? [] : [`${step}, and not: ${most}`];
  });
}
