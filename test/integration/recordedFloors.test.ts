import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { floorsOf } from "../../postgres/settings/floors.js";
import { controlLength, recordedFloors, recordedRole } from "../../postgres/wal/controlFile.js";
import { Cluster } from "../support/cluster.js";
import { availableMajors } from "../support/programs.js";

const settings = {
  max_connections: "41",
  max_worker_processes: "9",
  max_wal_senders: "6",
  max_prepared_transactions: "7",
  max_locks_per_transaction: "65",
};

describe.each(availableMajors())("the control file of %s", (major) => {
  let cluster: Cluster | undefined;

  afterAll(() => cluster?.close());

  it("says below what a hot standby does not start, and whose data it is", async () => {
    const servers = [{ name: "server2", role: "primary", settings }] as const;
    cluster = await Cluster.describe({ major, first: 90, servers });
    const { dataDirectory } = cluster.server("server2");
    const read = () =>
      cluster?.host("server2").readBytes(join(dataDirectory, "global", "pg_control"), 0, controlLength);
    await cluster.seed("server2");
    await cluster.start("server2");
    const control = (await read()) as Buffer;
    expect(recordedFloors(major, control)).toEqual(floorsOf(major, settings));
    expect(recordedRole(control)).toBe("primary");
    expect(recordedFloors(major, control.subarray(0, 100))).toBeUndefined();
  }, 60_000);
});
