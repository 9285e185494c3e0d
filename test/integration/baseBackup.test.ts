import { spawnSync } from "node:child_process";
import { existsSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { proveWorking } from "../../servers/process/proof.js";
import { Cluster, hashOfTree } from "../support/cluster.js";
import { triedAt } from "../support/everyRun.js";
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

const hasRsync = ["/usr/bin", "/bin", "/usr/local/bin"].some((folder) => existsSync(join(folder, "rsync")));

/** Versions at which the backup functions, recovery's files or what may be asked changed. */
const majors = triedAt(["9.6", "10", "12", "15", "18"] as const, "9.6", "18").filter((major) =>
  availableMajors().includes(major),
);

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

  it("is the same by cp, rsync and tar, with a tablespace, and with a password of every awkward character", async () => {
    const cluster = await describeSite({
      major: "15",
      first: 20,
      administrator: "o'\"admin",
      password: "a'b\"c\\d e:f$g",
      servers: [...servers, { name: "extra", role: "standby" }],
    });
    await cluster.seed("server2");
    await cluster.start("server2");
    const folder = join(cluster.folder, "tablespace");
    await cluster.host("server2").makeDirectory(folder);
    await cluster.query(
      "server2",
      `create tablespace aside location '${folder}'`,
      "create table far tablespace aside as select generate_series(1, 20000) as n",
      "vacuum freeze",
      "checkpoint",
    );
    const [oid] = await cluster.query("server2", "select oid::text as oid from pg_tablespace where spcname = 'aside'");
    const hashes: string[] = [];
    const copies = { server3: "cp", des10: "tar", extra: "rsync" } as const;
    for (const [name, copy] of Object.entries(copies)) {
      if (copy === "rsync" && !hasRsync) continue;
      expect(await cluster.seed(name, { copy })).toMatchObject({ kind: "base-backup", method: copy });
      const { dataDirectory, controlDirectory } = cluster.server(name);
      const own = join(controlDirectory, "tablespaces", oid?.oid ?? "");
      expect(readlinkSync(join(dataDirectory, "pg_tblspc", oid?.oid ?? ""))).toBe(own);
      hashes.push(`${await hashOfTree(join(dataDirectory, "base"))} ${await hashOfTree(own)}`);
    }
    expect(new Set(hashes).size).toBe(1);
    await cluster.start("des10");
    await proveWorking({ ...cluster, server: cluster.server("des10"), deadline: 20_000 });
    expect(await cluster.query("des10", "select count(*)::text as n from far")).toEqual([{ n: "20000" }]);
    // grep finds nothing: exit code 1.
    expect(spawnSync("grep", ["-rlaF", "--exclude=passfile", "-e", "a'b\"c", cluster.folder]).status).toBe(1);
  }, 60_000);
});
