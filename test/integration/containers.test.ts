import { spawn } from "node:child_process";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { HostSpec } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { closeSessions } from "../../hosts/shell/sessions.js";
import { firstProcess } from "../../installed/service/container.js";
import { checkout } from "../../toolchain/paths.mjs";
import { ContainerSite, type Declared } from "../support/containerSite.js";
import { whyNoDocker } from "../support/dockerEngine.js";
import { image } from "../support/dockerImage.js";
import { triesAll } from "../support/everyRun.js";
import { enter, leave } from "../support/here.js";
import { describeHost } from "../support/hostContract.js";
import { Watch } from "../support/multihost/watch.js";

const why = whyNoDocker();
const unchanged = /Resources:\n {4}\d+ unchanged\n/;

/** Whatever a shell on the way would make something of, as far as a path of servers may have it. */
const hostile = "-rf it's; touch pwned & #é☃";

describe.skipIf(why !== undefined)(`Docker containers${why ? ` (${why})` : ""}`, { timeout: 180_000 }, () => {
  let site: ContainerSite;

  beforeAll(async () => {
    site = await ContainerSite.make();
    enter(site.engine.env);
    const { engine } = site;
    await engine.makeNetwork("by-hand");
    for (const [name, number] of Object.entries(numbers)) {
      await engine.startContainer(name, ["--network", "by-hand", "--ip", `${engine.subnet}.${number}`]);
    }
  }, 700_000);

  afterAll(async () => {
    await leave();
    await site?.remove();
  }, 60_000);

  const numbers = { contract: 10, one: 11, two: 12 };
  const addressOf = (name: keyof typeof numbers) => `${site.engine.subnet}.${numbers[name]}`;
  const spec = (name: string, user = "postgres"): HostSpec => ({
    name,
    user,
    transport: "docker",
    address: "",
    container: { name, made: false },
  });

  describe("as hosts", () => {
    afterAll(closeSessions);

    describeHost(() => hostOf(spec("contract")), "postgres");

    it("are a machine each, and give what an image says for its own server to nobody", async () => {
      const host = hostOf(spec("contract"));
      expect(host.machine).toBe("docker:contract");
      expect(hostOf(spec("one")).machine).not.toBe(host.machine);
      expect(await site.engine.must(["exec", "contract", "printenv", "PGDATA"])).toBe("/elsewhere\n");
      expect((await host.run(["sh", "-c", "env | grep ^PG"])).stdout).toBe("");
      expect((await hostOf(spec("contract", "root")).run(["id", "-un"])).stdout).toBe("root\n");
    });

    it.runIf(triesAll())("end what was started there when the process that started it is killed", async () => {
      const sleeping = () => [...site.engine.processes().values()].filter((words) => words.includes("4321"));
      const file = join(site.sandbox.program, "sleep.cjs");
      await build({
        stdin: {
          contents: `import { hostOf } from "./hosts/index.ts";
            hostOf(${JSON.stringify(spec("contract"))}).spawn(["sleep", "4321"]).then(({ ended }) => ended);`,
          resolveDir: checkout,
        },
        outfile: file,
        bundle: true,
        platform: "node",
        format: "cjs",
        logLevel: "silent",
      });
      const child = spawn(process.execPath, [file], { stdio: "ignore" });
      await vi.waitFor(() => expect(sleeping()).not.toEqual([]), 5000);
      child.kill("SIGKILL");
      await vi.waitFor(() => expect(sleeping()).toEqual([]), 5000);
    });
  });

  describe("that are there already", () => {
    const data = `/srv/${hostile}/data`;
    const declared = (): Declared => ({
      site: "orders",
      postgresql: "15",
      hosts: {
        one: { address: addressOf("one"), container: { name: "one" } },
        two: { address: addressOf("two"), container: { name: "two" } },
      },
      primary: "one",
      servers: { one: { dataDirectory: data }, two: { dataDirectory: data } },
      settings: { log_directory: hostile, logging_collector: true, shared_buffers: "16MB" },
      access: [`host all postgres ${site.engine.subnet}.1/32 scram-sha-256`],
      roles: { [hostile]: { login: false } },
      databases: { [hostile]: { owner: hostile } },
    });
    const streaming = () => [`two ${addressOf("two")} streaming`];

    beforeAll(async () => {
      for (const name of ["one", "two"]) {
        await site.engine.must(["exec", name, "install", "-d", "-o", "postgres", `/srv/${hostile}`]);
      }
      await site.init("existing", declared());
    }, 60_000);

    it("come up and stream, with a base backup straight from the one to the other; nothing is executed or shown", async () => {
      const machines = ["one", "two"].map(async (name) => {
        const pid = await site.engine.pidOf(name);
        return { name, pid, isOn: true, processes: () => new Map<number, string>() };
      });
      const watch = new Watch({
        hosts: [
          { name: "engine", pid: 0, isOn: false, processes: () => site.engine.processes() },
          ...(await Promise.all(machines)),
        ],
        control: { processes: () => new Map() },
        secret: site.secret,
        folders: Object.fromEntries(["one", "two"].map((name) => [name, [data, `${data}.pgsite`]])),
      });
      const printed = await site.up("existing").finally(() => watch.stop());
      expect(printed).toMatch(/copying by pg_basebackup on two, straight from \S+:5432/);
      // They have no volumes.
      expect(printed).toMatch(
        /two: .* lies in the container itself, and is lost when that is removed: run the container/,
      );
      expect(await site.streaming("one")).toEqual(streaming());
      expect(watch.samples).toBeGreaterThan(20);
      expect([...watch.programs]).toEqual(expect.arrayContaining(["dockerd", "postgres", "sh"]));
      expect([...watch.found]).toEqual([]);
      expect(printed).not.toContain(site.secret);
      for (const name of ["one", "two"]) expect(await site.executed(name)).toBe("");
      expect(await site.preview("existing", "--expect-no-changes")).toMatch(unchanged);
      await vi.waitFor(() => expect(site.leftOver()).toEqual([]), 5000);
    });

    it.runIf(triesAll())("have a lost data directory copied anew, also by tar through this machine", async () => {
      await site.engine.must(["restart", "--time", "1", "two"]);
      await site.engine.must(["exec", "two", "rm", "-rf", data]);
      site.declare("existing", { ...declared(), baseBackup: { method: "tar" } });
      expect(await site.up("existing")).toContain("copying by tar, through this machine");
      expect(await site.streaming("one")).toEqual(streaming());
      await vi.waitFor(() => expect(site.leftOver()).toEqual([]), 5000);
    });

    it("and stopped are said in one line, and the rest of the preview goes on", async () => {
      await site.engine.must(["stop", "--time", "1", "two"]);
      const printed = await site.preview("existing").finally(() => site.engine.must(["start", "two"]));
      const lines = printed.split("\n").filter((line) => line.includes("cannot be reached"));
      const cause = "two cannot be reached: its container two is stopped: docker start two";
      expect(lines).not.toEqual([]);
      expect(lines.filter((line) => !line.includes(cause))).toEqual([]);
      expect(printed).not.toMatch(/^\s+at \S+ \(/m);
    });

    it.runIf(triesAll()).each([
      [["kill", "two"], ["start", "two"], "its container two is stopped: docker start two"],
      [["pause", "two"], ["unpause", "two"], "its container two is paused: docker unpause two"],
      [
        ["rename", "two", "elsewhere"],
        ["rename", "elsewhere", "two"],
        "there is no container two: start it, or correct hosts.two.container.name (docker ps --all)",
      ],
    ])("say what to do after docker %s", async (breaks, mends, cause) => {
      const before = hostOf(spec("two"));
      await before.stat("/");
      await closeSessions();
      await site.engine.must(breaks);
      const asked = hostOf(spec("two")).stat("/");
      await expect(asked.finally(() => site.engine.must(mends))).rejects.toThrow(`two cannot be reached: ${cause}`);
      // What could not be reached is not asked again for a few seconds.
      await closeSessions();
    });

    it.runIf(triesAll())(
      "and killed under a running program end that with a word on it, and nothing is run twice",
      async () => {
        const program = await hostOf(spec("two")).spawn(["sleep", "4321"]);
        await site.engine.must(["kill", "two"]);
        await expect(program.ended).rejects.toThrow(/^two cannot be reached: .*its container two (is )?stopped/);
        await site.engine.must(["start", "two"]);
        await closeSessions();
      },
    );

    it("are started again by the next up", async () => {
      expect(await site.up("existing")).toMatch(/two/);
      expect(await site.streaming("one")).toEqual(streaming());
    });

    it("on an engine that does not answer are said to be so", async () => {
      vi.stubEnv("DOCKER_HOST", "unix:///tmp/no-docker-here.sock");
      await expect(hostOf({ ...spec("one"), name: "nobody" }).stat("/")).rejects.toThrow(
        "nobody cannot be reached: the Docker engine at unix:///tmp/no-docker-here.sock does not answer: start it (systemctl start docker), or name another in DOCKER_HOST",
      );
      vi.stubEnv("DOCKER_HOST", site.engine.env.DOCKER_HOST);
    });
  });

  describe("that the stack makes", () => {
    const subnet = () => site.engine.subnet.replace(/\d+$/, (last) => `${(Number(last) + 1) % 256}`);
    const declared = (): Declared => ({
      site: "orders",
      postgresql: "15",
      hosts: {
        db1: { address: `${subnet()}.11`, container: { image } },
        db2: { address: `${subnet()}.12`, container: { image } },
      },
      primary: "db1",
      servers: { db1: { dataDirectory: "/srv/postgresql/orders" }, db2: { dataDirectory: "/srv/postgresql/orders" } },
      settings: { shared_buffers: "16MB" },
      disposable: true,
    });
    const streaming = () => [`db2 ${subnet()}.12 streaming`];

    beforeAll(async () => {
      await site.init("laptop", declared());
      await site.installDockerPlugin();
    }, 60_000);

    it("are not there in the first preview, which says so and goes on", async () => {
      const printed = await site.preview("laptop");
      expect(printed).toContain(
        "db1 cannot be reached: its container orders-laptop-db1 is not there: pulumi up makes it",
      );
      expect(printed).toContain("docker:index/container:Container");
    });

    it("come up with their network and volumes, stream, and hold nothing that a second preview would change", async () => {
      await site.up("laptop");
      expect(await site.streaming("orders-laptop-db1")).toEqual(streaming());
      expect(await site.preview("laptop", "--expect-no-changes")).toMatch(unchanged);
    });

    it("bring their servers back with them, stopped cleanly or killed, with no Pulumi", async () => {
      await site.query("orders-laptop-db1", "create table mark (n int)");
      await site.engine.must(["restart", "orders-laptop-db1"], { seconds: 60 });
      await site.engine.must(["kill", "orders-laptop-db2"]);
      await site.engine.must(["start", "orders-laptop-db2"]);
      await expect
        .poll(() => site.streaming("orders-laptop-db1").catch(String), { timeout: 30_000 })
        .toEqual(streaming());
      const log = await site.engine.must([
        "exec",
        "orders-laptop-db1",
        "cat",
        "/srv/postgresql/orders.pgsite/start.log",
      ]);
      expect(log).toContain("database system was shut down at");
      expect(await site.preview("laptop", "--expect-no-changes")).toMatch(unchanged);
    });

    it("let no other container run on a volume of theirs", async () => {
      const facts = {
        osUser: "postgres",
        folder: "/srv/postgresql",
        dataDirectories: ["/srv/postgresql/orders"],
        services: [],
      };
      const [program, ...args] = firstProcess(facts);
      const options = ["--rm", "--volume", "orders-laptop-db1:/srv/postgresql", "--entrypoint", program];
      const { code, stderr } = await site.engine.docker(["run", ...options, image, ...args]);
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: "another container runs on the volume of /srv/postgresql\n",
      });
      expect(await site.query("orders-laptop-db1", "select 1")).toBe("1");
    });

    it.runIf(triesAll())("are made anew where they are gone, with the data that lie on their volumes", async () => {
      await site.engine.must(["rm", "--force", "orders-laptop-db2"]);
      await site.up("laptop");
      expect(await site.streaming("orders-laptop-db1")).toEqual(streaming());
      expect(await site.query("orders-laptop-db2", "select count(*) from mark")).toBe("0");
    });

    it("are gone after a destroy, with network and volumes, since the data is disposable", async () => {
      await site.must("laptop", ["destroy", "--yes", "--skip-preview"]);
      const left = ["ps --all", "volume ls", "network ls"].map((list) =>
        site.engine.must([...list.split(" "), "--format", list.startsWith("ps") ? "{{.Names}}" : "{{.Name}}"]),
      );
      expect((await Promise.all(left)).join("")).not.toContain("orders-laptop");
    });
  });
});
