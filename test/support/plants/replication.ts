import { rmSync, writeFileSync } from "node:fs";
import { atLeast } from "../../../postgres/versions.js";
import type { Plant } from "./plant.js";

const elsewhere = (text: string) => text.replace(/host=\S+/, "host=127.0.0.99");

/** Who streams from whom, what runs, and who keeps WAL. */
export const ofReplication: readonly Plant[] = [
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
    said: "des10: replication: off: it does not stream from server2… (declared: streams from server2): wait",
    together: false,
  },
  {
    name: "a delay of replay",
    from: "9.4",
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
    from: "9.6",
    plant: (plot) => plot.sql("server2", "select pg_create_physical_replication_slot('left_over', true)"),
    said: "server2: replication slot left_over (physical) is there and keeps WAL, declared nowhere: SQL",
  },
  {
    name: "a foreign slot on a standby",
    from: "9.4",
    plant: (plot) => plot.sql("des10", "select pg_create_physical_replication_slot('hanging')"),
    said: "des10: replication slot hanging (physical) is there and keeps WAL, declared nowhere: SQL",
  },
];
