import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inspectDataDirectory } from "../../servers/data/dataDirectory.js";
import { until } from "../../servers/process/until.js";
import { bundled } from "../support/bundled.js";
import { Cluster, hashOfTree } from "../support/cluster.js";

/** Everything that interrupts or forbids a seed, against one running primary. */
describe("seeding", () => {
  let cluster: Cluster;
  let program: string;
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    cluster = await Cluster.withPrimary("15", 30);
    await cluster.query(
      "server2",
      "create table big as select n, repeat(md5(n::text), 20) as filler from generate_series(1, 300000) n",
      "checkpoint",
    );
    program = await bundled("seedProgram", cluster.folder);
    const { site, passwords } = cluster;
    writeFileSync(join(cluster.folder, "site.json"), JSON.stringify({ site, passwords }), { mode: 0o600 });
  }, 60_000);

  afterAll(async () => {
    for (const child of children) child.kill("SIGKILL");
    await cluster?.close();
  });

  function run(server: string) {
    const child = spawn(process.execPath, [program, join(cluster.folder, "site.json"), server]);
    children.push(child);
    let output = "";
    child.stdout.on("data", (data) => {
      output += data;
    });
    child.stderr.on("data", (data) => {
      output += data;
    });
    const ended = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
    return {
      child,
      ended,
      output: () => output,
      says: (text: string) => until(async () => output.includes(text), { deadline: 15_000, interval: 5 }),
    };
  }

  const sessions = async () =>
    Number(
      (
        await cluster.query(
          "server2",
          "select count(*)::text as n from pg_stat_activity where application_name = 'pgsite' and pid <> pg_backend_pid()",
        )
      )[0]?.n,
    );
  const slots = async () =>
    Number((await cluster.query("server2", "select count(*)::text as n from pg_replication_slots"))[0]?.n);
  const inspect = (name: string) => inspectDataDirectory(cluster.host(name), cluster.server(name));

  it("killed in mid-copy leaves no session, no copying program, and a half copy that is finished the next time", async () => {
    const killed = run("server3");
    expect(await killed.says("copying")).toBe(true);
    killed.child.kill("SIGKILL");
    await killed.ended;
    expect(await until(async () => (await sessions()) === 0 && (await slots()) === 0, { deadline: 5000 })).toBe(true);
    const { dataDirectory } = cluster.server("server3");
    const copying = () =>
      execFileSync("ps", ["-eo", "args="])
        .toString()
        .split("\n")
        .filter((line) => line.includes(dataDirectory));
    expect(await until(async () => copying().length === 0, { deadline: 5000 })).toBe(true);
    expect(await inspect("server3")).toMatchObject({ kind: "incomplete" });
    expect((await inspect("server3")).systemIdentifier).toBeUndefined();

    const lines: string[] = [];
    const outcome = await cluster.seed("server3", { report: (line) => lines.push(line) });
    expect(outcome).toMatchObject({ kind: "base-backup", from: "server2" });
    expect(lines).toContain("an earlier copy was cut off here: what is proven unchanged since is kept");
    expect((await inspect("server3")).kind).toBe("ours");
    await cluster.start("server3");
  });

  it("keeps what a cut-off copy has of files that did not change since before it, and copies the rest again", async () => {
    const stop = new AbortController();
    await until(async () => false, { deadline: 2500 });
    let advanced = 0;
    const progress = {
      start: () => undefined,
      advance: () => {
        advanced += 1;
        if (advanced === 2) stop.abort(new Error("cut off"));
      },
      end: () => undefined,
    };
    await expect(cluster.seed("des10", { signal: stop.signal, progress })).rejects.toThrow("cut off");
    expect(await sessions()).toBe(0);
    await cluster.query("server2", "update big set n = n + 1 where n < 1000", "checkpoint");
    const outcome = await cluster.seed("des10");
    expect(outcome.kind === "base-backup" && outcome.kept > 0 && outcome.copied > 0).toBe(true);
    await cluster.start("des10");
    const sum = "select sum(n)::text as sum, count(*)::text as count from big";
    const [wanted] = await cluster.query("server2", sum);
    expect(
      await until(async () => (await cluster.query("des10", sum))[0]?.sum === wanted?.sum, { deadline: 5000 }),
    ).toBe(true);
    await cluster.stop("des10");
  });

  it("two at once: the second is refused and says who is at it", async () => {
    const { dataDirectory, controlDirectory } = cluster.server("des10");
    await cluster.host("des10").remove(dataDirectory);
    await cluster.host("des10").remove(join(controlDirectory, "identity.json"));
    const first = run("des10");
    expect(await first.says("copying")).toBe(true);
    await expect(cluster.seed("des10")).rejects.toThrow(
      /^pgsite \(process \d+ on \S+\) has been at it since .* UTC: seeding des10; wait until/,
    );
    expect(await first.ended).toBe(0);
  });

  it("refuses a directory that pgsite did not make, by name, and touches nothing", async () => {
    const { dataDirectory, controlDirectory } = cluster.server("des10");
    await cluster.host("des10").remove(join(controlDirectory, "identity.json"));
    const before = await hashOfTree(dataDirectory);
    await expect(cluster.seed("des10")).rejects.toThrow(
      `${dataDirectory} on des10 holds a PostgreSQL 15 cluster that pgsite did not make: move it away`,
    );
    expect(await hashOfTree(dataDirectory)).toBe(before);
    await cluster.host("des10").remove(dataDirectory);
    await cluster.host("des10").makeDirectory(dataDirectory);
    await cluster.host("des10").writeFile(join(dataDirectory, "notes.txt"), "mine");
    await expect(cluster.seed("des10")).rejects.toThrow(
      `${dataDirectory} on des10 holds files that pgsite did not make`,
    );
  });

  it("refuses data with another system identifier than the site's, and touches nothing", async () => {
    const { dataDirectory, controlDirectory } = cluster.server("des10");
    await cluster.host("des10").remove(dataDirectory);
    const other = await Cluster.describe({ major: "15", first: 34, servers: [{ name: "other", role: "primary" }] });
    try {
      await other.seed("other");
      const host = cluster.host("des10");
      await host.run(["cp", "-a", other.server("other").dataDirectory, dataDirectory]);
      const before = await hashOfTree(dataDirectory);
      const systemIdentifier = (await inspect("des10")).systemIdentifier ?? "";
      const identity = (id: string) => JSON.stringify({ site: "test", server: "des10", systemIdentifier: id });
      await host.writeFile(join(controlDirectory, "identity.json"), identity("42"));
      await expect(cluster.seed("des10")).rejects.toThrow(
        `holds another cluster than pgsite put there (system identifier ${systemIdentifier}, and it was 42)`,
      );
      await host.writeFile(join(controlDirectory, "identity.json"), identity(systemIdentifier));
      await expect(cluster.seed("des10")).rejects.toThrow(
        `des10 has system identifier ${systemIdentifier}, and server2, which takes writes, has`,
      );
      expect(await hashOfTree(dataDirectory)).toBe(before);
    } finally {
      await other.close();
    }
  });

  it("makes no new cluster for a primary whose data is gone while a standby holds the site's data", async () => {
    await cluster.stop("server2");
    await cluster.host("server2").remove(cluster.server("server2").dataDirectory);
    await expect(cluster.seed("server2")).rejects.toThrow("server2's data is gone, but server3 holds the site's data");
    expect((await inspect("server2")).kind).toBe("absent");
    await cluster.host("des10").remove(cluster.server("des10").dataDirectory);
    await expect(cluster.seed("des10")).rejects.toThrow(
      "des10 cannot be seeded: no server of the site test takes writes now (server2 (127.0.20.30:5442) refuses connections",
    );
  });
});
