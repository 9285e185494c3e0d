import { afterEach, describe, expect, it } from "vitest";
import { proveWorking } from "../../servers/proof.js";
import { Cluster } from "../support/cluster.js";
import { availableMajors } from "../support/programs.js";

const clusters: Cluster[] = [];
afterEach(async () => {
  for (const cluster of clusters.splice(0)) await cluster.close();
});

async function describeSite(options: Parameters<typeof Cluster.describe>[0]): Promise<Cluster> {
  const cluster = await Cluster.describe(options);
  clusters.push(cluster);
  return cluster;
}

const servers = [
  { name: "server2", role: "primary" as const },
  { name: "server3", role: "standby" as const },
  { name: "des10", role: "mirror" as const },
];

/** Versions at which the backup functions, recovery's files or what may be asked changed. */
const majors = (["9.6", "10", "12", "15", "18"] as const).filter((major) => availableMajors().includes(major));

describe("a base backup", () => {
  it.each(majors)(
    "of %s under writes leads to a warm and a hot standby that stream",
    { timeout: 60_000 },
    async (major) => {
      const cluster = await describeSite({ major, first: 10, servers });
      expect((await cluster.seed("server2")).kind).toBe("initdb");
      await cluster.start("server2");
      await cluster.query("server2", "create table kept (n int)", "insert into kept select generate_series(1, 50000)");
      let writing = true;
      const writes = (async () => {
        for (let n = 0; writing; n += 1) {
          // Files of dropped tables vanish while they are copied.
          await cluster.query(
            "server2",
            `create table gone${n} as select generate_series(1, 20000) as n`,
            "checkpoint",
            `drop table gone${n}`,
            "insert into kept values (0)",
            "checkpoint",
          );
        }
      })();
      for (const name of ["server3", "des10"]) {
        expect(await cluster.seed(name)).toMatchObject({ kind: "base-backup", from: "server2", method: "cp", kept: 0 });
        await cluster.start(name);
        const { site, passwords } = cluster;
        const proof = await proveWorking({ site, passwords, server: cluster.server(name), deadline: 20_000 });
        expect(proof).toMatchObject({ state: "streams", upstream: "server2" });
      }
      writing = false;
      await writes;
      await cluster.query("server2", "insert into kept values (-1)");
      await proveWorking({ ...cluster, server: cluster.server("des10"), deadline: 20_000 });
      const count = "select count(*)::text as n, sum(n)::text as s from kept";
      expect(await cluster.query("des10", count)).toEqual(await cluster.query("server2", count));
      expect((await cluster.seed("des10")).kind).toBe("there");
    },
  );
});
