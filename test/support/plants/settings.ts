import { chmodSync, chownSync, rmSync, writeFileSync } from "node:fs";
import { conf, type Plant, without } from "./plant.js";

const raise = (size: number) => `max_connections = ${size}`;

/** Settings in their files, by ALTER SYSTEM, and of the running server. */
export const ofSettings: readonly Plant[] = [
  {
    name: "a setting edited and not reloaded",
    plant: (plot) => plot.append("server2", conf, "maintenance_work_mem = 99MB"),
    said: "server2: postgresql.conf maintenance_work_mem is 99MB (waits for a reload: the server runs with …MB), declared unset (…MB): reload",
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
    said: "des10: postgresql.conf work_mem is unset (…MB), declared 5MB: reload",
  },
  {
    name: "a setting removed that takes a restart",
    plant: async (plot) => {
      await plot.edit("des10", conf, without(/^max_connections.*\n/m));
      await plot.reload("des10");
    },
    said: "des10: postgresql.conf max_connections is unset (100) (waits for a restart: the server runs with 40), declared 40: reload",
    together: false,
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
    from: "9.3",
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
    name: "postgresql.conf that the server may not read",
    plant: async (plot) => chownSync(plot.path("des10", conf), 0, 0),
    said: (plot) =>
      `des10: mode and owner of postgresql.conf is 0600 root, declared 0600 ${plot.host("des10").user}: install`,
    together: false,
    asRoot: true,
  },
  {
    name: "postgresql.conf that the server may not read, in its own words",
    from: "9.5",
    plant: async (plot) => chownSync(plot.path("des10", conf), 0, 0),
    said: 'des10: the server is not willing to take postgresql.conf: could not open file "…: reload',
    together: false,
    asRoot: true,
  },
  {
    name: "ALTER SYSTEM of a setting that reloads",
    from: "9.4",
    plant: async (plot) => {
      await plot.sql("server2", "alter system set log_statement = 'all'");
      await plot.reload("server2");
    },
    said: "server2: postgresql.auto.conf log_statement is all, declared unset (none): reload",
  },
  {
    name: "ALTER SYSTEM of a setting that waits for a restart",
    from: "9.4",
    plant: async (plot) => {
      await plot.sql("server2", "alter system set max_prepared_transactions = 3");
      await plot.reload("server2");
    },
    said: "server2: postgresql.auto.conf max_prepared_transactions is 3 (waits for a restart: the server runs with 0), declared unset (0): reload",
  },
  {
    name: "ALTER SYSTEM of a hot-standby floor, restarted",
    from: "9.4",
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
