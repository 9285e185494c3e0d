import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { atLeast } from "../../../postgres/versions.js";
import type { Plot } from "../plantSite.js";
import { streamFrom } from "../slotReader.js";

/** A change that `up` must not undo: it says what somebody has to do, and destroys nothing. */
export interface ByHand {
  readonly name: string;
  /** Resolves with how to undo it by hand. */
  readonly plant: (plot: Plot) => Promise<() => Promise<void>>;
  /** As in a `Plant`. */
  readonly said: string;
  /** What `up` says while it leaves it, or why it does nothing at all. */
  readonly up: { readonly leaves: string } | { readonly refuses: string };
  /** What would be lost if `up` undid it. */
  readonly intact: (plot: Plot) => Promise<boolean>;
}

const hasSlot = (plot: Plot, name: string) =>
  plot
    .ask("server2", `select 1 as there from pg_replication_slots where slot_name = '${name}'`)
    .then((row) => row !== undefined);

/** Promoted, written to, and made a standby again: what people do who hope that it follows once more. */
async function diverge(plot: Plot): Promise<void> {
  await plot.promote("des10");
  await plot.sql("des10", "create table only_here as select 42 as answer");
  await plot.stop("des10");
  if (atLeast(plot.major, "12")) writeFileSync(plot.path("des10", "standby.signal"), "", { mode: 0o600 });
  else renameSync(plot.path("des10", "recovery.done"), plot.path("des10", "recovery.conf"));
  await plot.start("des10");
}

export const byHand: readonly ByHand[] = [
  {
    name: "a foreign slot from which somebody streams",
    plant: async (plot) => {
      await plot.sql("server2", "select pg_create_physical_replication_slot('archiver', true)");
      const end = await streamFrom(plot.server("server2"), plot.replicationLogin, "archiver");
      return async () => {
        await end();
        await plot.sql("server2", "select pg_drop_replication_slot('archiver')");
      };
    },
    said: "server2: replication slot archiver (physical, active) is there and keeps WAL (end whoever streams from it, or declare it in slots), declared nowhere: by hand",
    up: {
      leaves:
        "left the replication slot archiver of server2: somebody streams from it. Declare it under slots, to keep it; else end that, and the next pulumi up drops it",
    },
    intact: (plot) => hasSlot(plot, "archiver"),
  },
  {
    name: "a foreign logical slot",
    plant: async (plot) => {
      await plot.sql("server2", "select pg_create_logical_replication_slot('subscriber', 'pgoutput')");
      return () => plot.sql("server2", "select pg_drop_replication_slot('subscriber')");
    },
    said: "server2: replication slot subscriber (logical) is there and keeps WAL (drop it where its reader is gone for good, or declare it in slots), declared nowhere: by hand",
    up: {
      leaves:
        "left the replication slot subscriber of server2: its subscriber may come back for what it keeps. Declare it under slots, to keep it; else drop it by hand where its reader is gone",
    },
    intact: (plot) => hasSlot(plot, "subscriber"),
  },
  {
    name: "a standby that was promoted by hand, and made a standby again",
    plant: async (plot) => {
      const { dataDirectory } = plot.server("des10");
      const kept = join(plot.server("des10").controlDirectory, "kept");
      await plot.stop("des10");
      await plot.host("des10").run(["cp", "-a", dataDirectory, kept]);
      await plot.start("des10");
      await diverge(plot);
      return async () => {
        await plot.stop("des10");
        rmSync(dataDirectory, { recursive: true });
        renameSync(kept, dataDirectory);
        await plot.start("des10");
        await plot.untilStreaming("des10");
      };
    },
    said: "des10: timeline is 2, and that of the primary, 1, does not come from it (if des10 has the site's data, declare it as the primary; else save what it alone has, then move its data directory away and run pulumi up), declared the site's: by hand",
    up: { refuses: "the timeline of des10 is 2, and that of the primary, 1, does not come from it" },
    intact: async (plot) => (await plot.ask("des10", "select answer from only_here"))?.answer === "42",
  },
];
