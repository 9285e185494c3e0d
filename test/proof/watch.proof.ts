import { execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { unprivileged } from "../../bench/support/account.js";
import { type WatchFacts, watchFiles } from "../../installed/watch/render.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { conditionMetric, metrics } from "../../postgres/watch/metrics.js";
import { queryOf } from "../../postgres/watch/monitoring.js";
import { checkout } from "../../toolchain/paths.mjs";
import { HostSite } from "../support/hostSite.js";
import { whyNoHosts } from "../support/multihost.js";
import { availableMajors, programsOf } from "../support/programs.js";
import { programs15, WatchSite } from "../support/watchSite.js";

const hour = 3600;
const start = Math.floor(Date.now() / 1000);
const isRoot = userInfo().uid === 0;

async function withSite<T>(
  names: readonly string[],
  act: (site: WatchSite) => Promise<T>,
  made?: { readonly major: Major; readonly programs: string },
): Promise<T> {
  const site = await WatchSite.make(154, names, made);
  try {
    for (const name of names) await site.install(name);
    return await act(site);
  } finally {
    await site.close();
  }
}

async function eventually(ask: () => Promise<boolean>, seconds = 30): Promise<void> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; ) {
    if (await ask()) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error("it never came to that");
}

describe("a clean site", () => {
  it("is silent for a week of hours, a primary, a hot and a warm standby, with work on it", {
    timeout: 900_000,
  }, async () => {
    await withSite(["one", "two", "warm"], async (site) => {
      await site.sql("one", "create table t (n int)");
      for (let run = 0; run < 168; run += 1) {
        await site.sql(
          "one",
          `insert into t select generate_series(1, ${run * 10})`,
          run % 20 === 0 ? "select pg_switch_wal()" : "select 1",
        );
        await eventually(
          async () =>
            (await site.sql("one", "select count(*) from pg_stat_replication where state = 'streaming'")) === "2",
        );
        for (const name of site.names) {
          const { code, stdout, stderr, mails } = await site.watch(name, start + run * hour);
          expect({ name, run, code, stdout, stderr, mails }).toEqual({
            name,
            run,
            code: 0,
            stdout: "",
            stderr: "",
            mails: [],
          });
        }
      }
    });
  });
});

describe.each(availableMajors())("at %s", (major) => {
  it("all is looked at, on a primary and a hot and a warm standby, and what is wrong is found", {
    timeout: 300_000,
  }, async () => {
    const programs = await programsOf(major);
    await withSite(
      ["one", "two", "warm"],
      async (site) => {
        await eventually(
          async () =>
            (await site.sql("one", "select count(*) from pg_stat_replication where state = 'streaming'")) === "2",
        );
        for (let run = 0; run < 3; run += 1) {
          for (const name of site.names) {
            const { code, stdout, mails } = await site.watch(name, start + run * hour, ["--events"]);
            const unseen = stdout.split("\n").filter((line) => line.startsWith("fact\tunseen"));
            expect({ name, code, mails, unseen }).toEqual({ name, code: 0, mails: [], unseen: [] });
          }
        }
        const has = async (name: string) => {
          const { stdout } = await site.watch(name, start + 3 * hour, ["--events", "--dry"]);
          return (fact: string) => stdout.includes(`fact\t${fact}\t`);
        };
        const [one, two, warm] = [await has("one"), await has("two"), await has("warm")];
        expect(
          [
            "standby.streams\ttwo",
            "standby.streams\twarm",
            "behind\ttwo",
            "connections.percent",
            "age.transactions\tpostgres",
            "archiver.failing",
          ].filter((fact) => !one(fact)),
        ).toEqual([]);
        expect(
          ["receives\tone", "behind\ttwo", "paused\ttwo", "transaction.seconds"].filter((fact) => !two(fact)),
        ).toEqual([]);
        expect(["receives\tone", "recovery"].filter((fact) => !warm(fact))).toEqual([]);

        const pause = atLeast(major, "10") ? "pg_wal_replay" : "pg_xlog_replay";
        await site.sql("two", `select ${pause}_pause()`);
        await site.sql(
          "one",
          "select pg_create_physical_replication_slot('left')",
          "begin; insert into pg_catalog.pg_description values (1, 1, 1, 'x'); rollback",
        );
        const found: string[] = [];
        for (const run of [4, 5]) {
          for (const name of site.names)
            found.push(...(await site.watch(name, start + run * hour)).mails.map(({ subject }) => subject));
        }
        expect(found.sort()).toEqual(["one: nobody uses the replication slot left", "two: replay is paused"]);
        await site.sql("two", `select ${pause}_resume()`);
        await site.sql("one", "select pg_drop_replication_slot('left')");
        await site.stop("warm");
        const after: string[] = [];
        for (const name of site.names)
          after.push(...(await site.watch(name, start + 6 * hour)).mails.map(({ subject }) => subject));
        expect(after.sort()).toEqual([
          "one: server warm does not answer, its host does",
          "two: server warm does not answer, its host does",
          "warm: the server does not answer",
          "well again: one: nobody uses the replication slot left",
          "well again: two: replay is paused",
        ]);
      },
      { major, programs },
    );
  });
});

describe("a server that is frozen", () => {
  it("does not answer, says its own watch and its peer's, whose time-outs end each look", {
    timeout: 300_000,
  }, async () => {
    await withSite(["one", "two"], async (site) => {
      const pid = Number.parseInt(readFileSync(join(site.data("two"), "postmaster.pid"), "utf8"), 10);
      process.kill(pid, "SIGSTOP");
      try {
        const began = Date.now();
        const own = await site.watch("two", start);
        const peer = await site.watch("one", start);
        expect((Date.now() - began) / 1000).toBeLessThan(90);
        expect(own.mails.map(({ text }) => text.split("\n")[0])).toEqual([
          "The server does not answer: its process runs, and does not answer.",
        ]);
        expect(peer.mails.map(({ text }) => text.split("\n")[0])).toEqual([
          `Server two does not answer, though its host does: port ${site.port} takes connections, and nobody answers.`,
        ]);
      } finally {
        process.kill(pid, "SIGCONT");
      }
    });
  });
});

describe.skipIf(!isRoot)("a full disk", () => {
  it("is mailed also by a watch that cannot remember it, and a PANIC of the server once", {
    timeout: 300_000,
  }, async () => {
    await withSite(["one"], async (site) => {
      const mounted: string[] = [];
      const tmpfs = (folder: string, size: string) => {
        const { uid, gid } = unprivileged();
        execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size},mode=700,uid=${uid},gid=${gid}`, "tmpfs", folder]);
        mounted.push(folder);
      };
      try {
        expect((await site.watch("one", start)).mails).toEqual([]);
        // It fills by 4 MB an hour: at the sixth it is foreseen, and counts when it was three times.
        const slow = join(site.folder, "slow");
        mkdirSync(slow);
        tmpfs(slow, "100m");
        site.declare("one", { backups: [{ name: "own", folder: slow, when: "always" }] });
        await site.install("one");
        const foreseen: string[] = [];
        for (let run = 1; run <= 11; run += 1) {
          execFileSync("sh", ["-c", `head -c 4194304 /dev/zero >'${slow}/${run}'`]);
          const { mails: now } = await site.watch("one", start - 12 * hour + run * hour);
          foreseen.push(...now.map(({ subject }) => `${run} ${subject}`));
        }
        expect(foreseen).toEqual([`9 one: the disk ${slow} will be full in 16 h 0 min`]);
        // The server's WAL on a disk of its own, and what the watch keeps on another.
        await site.stop("one");
        const wal = join(site.data("one"), "pg_wal");
        execFileSync("cp", ["-a", wal, `${wal}.all`]);
        tmpfs(wal, "48m");
        execFileSync("sh", ["-c", `cp -a '${wal}.all/.' '${wal}/' && rm -rf '${wal}.all'`]);
        site.configure("one", { max_wal_size: "1GB", min_wal_size: "32MB" });
        await site.start("one");
        await site.sql("one", "create table t (n int)");
        const filling = "insert into t select generate_series(1, 1000000)";
        await site.sql("one", filling).catch(() => undefined);
        await eventually(async () => /PANIC/.test(readFileSync(join(site.data("one"), "log", "server.log"), "utf8")));
        const { mails } = await site.watch("one", start + hour);
        expect(mails.map(({ subject }) => subject).sort()).toEqual(
          expect.arrayContaining(["one: PANIC in the log", `one: the disk ${wal} is nearly full`]),
        );
        expect(mails.find(({ subject }) => /PANIC/.test(subject))?.text).toMatch(/PANIC: {2}could not write/);

        const jobs = join(site.control("one"), "jobs");
        execFileSync("sh", ["-c", `cp -a '${jobs}' '${jobs}.kept'`]);
        tmpfs(jobs, "64k,nr_inodes=60");
        execFileSync("sh", [
          "-c",
          `cp -a '${jobs}.kept/.' '${jobs}/'; cat /dev/zero >'${jobs}/filler' 2>/dev/null || true`,
        ]);
        // Then without room for a file or a folder.
        for (const run of [2, 3]) {
          const more = `i=0; while true >'${jobs}/filler'.$i; do i=$((i + 1)); done 2>/dev/null || true`;
          if (run === 3) execFileSync("dash", ["-c", more], { stdio: "ignore" });
          const blind = await site.watch("one", start + run * hour);
          expect(blind.code).toBe(74);
          expect(blind.mails.map(({ subject }) => subject)).toContain(`one: the disk ${jobs} is nearly full`);
        }
        for (const name of readdirSync(jobs).filter((each) => each.startsWith("filler"))) rmSync(join(jobs, name));
        expect((await site.watch("one", start + 4 * hour)).code).toBe(0);
      } finally {
        await site.stop("one", "immediate").catch(() => undefined);
        for (const folder of mounted.reverse()) execFileSync("umount", ["-l", folder]);
      }
    });
  });
});

const why = whyNoHosts();
describe.skipIf(why !== undefined)(`a host without power${why === undefined ? "" : `: ${why}`}`, () => {
  it("is reported by its peer within the look, and by no other name", { timeout: 600_000 }, async () => {
    const site = await HostSite.make(["server2", "server3"], { dbadmin: "secret", replicator: "secret" });
    const streaming = "select count(*) from pg_stat_replication where state = 'streaming'";
    const streams = async () => (await site.query("server2", streaming)) === "1";
    try {
      await site.makePrimary(1);
      expect((await site.seed("server3")).code).toBe(0);
      const line = `${site.server("server2").address}:*:*:replicator:secret`;
      await site.asOwner("server3", `umask 077; echo '${line}' >'${site.server("server3").passfile}'`);
      await site.start("server3");
      await eventually(streams);
      const [server2, server3] = [site.server("server2"), site.server("server3")];
      const facts: WatchFacts = {
        job: {
          site: "test",
          server: "server2",
          version: "15",
          user: "postgres",
          dataDirectory: server2.dataDirectory,
          controlDirectory: server2.controlDirectory,
          binDirectory: programs15,
          port: server2.port,
          connection: { socketFolder: "/tmp" },
          mail: { to: "postgres-status" },
        },
        role: "primary",
        hot: true,
        standbys: [{ name: "server3" }],
        peers: [{ name: "server3", address: server3.address, port: server3.port, role: "replicator", warm: false }],
        log: { unseen: "not asked here" },
        thresholds: { diskBytes: 0 },
      };
      const set = await watchFiles(facts);
      const owner = (command: string, input?: string) =>
        site.host("server2").must(["su", "-s", "/bin/sh", "-c", command, "postgres"], {
          seconds: 100,
          ...(input === undefined ? {} : { input }),
        });
      await owner(`mkdir -p -m 700 '${set.folder}'`);
      for (const [name, { content, mode }] of Object.entries(set.files)) {
        const text = name === "settings" ? content.replace("sendmail=''", "sendmail='/tmp/sendmail'") : content;
        await owner(
          `umask 077; cat >'${set.folder}/${name}' && chmod ${mode.toString(8)} '${set.folder}/${name}'`,
          text,
        );
      }
      await owner(
        "printf '#!/bin/sh\\nsed -n \"s/^Subject: //p\" >>/tmp/subjects\\n' >/tmp/sendmail && chmod 755 /tmp/sendmail && : >/tmp/subjects",
      );
      const look = async (run: number) => {
        await owner(`: >/tmp/subjects; PGSITE_NOW=${start + run * hour} '${set.folder}/watch'`);
        return (await owner("cat /tmp/subjects"))
          .split("\n")
          .filter((line) => line !== "" && !line.includes("the watch cannot look at"))
          .sort();
      };
      expect(await look(0)).toEqual([]);
      await site.host("server3").powerCut();
      expect(await look(1)).toEqual(["[test] server2: the host of server3 does not answer"]);
      // Its stream is gone as well, which follows from it.
      expect([...(await look(2)), ...(await look(3))]).toEqual([]);
      await site.host("server3").boot();
      expect(await look(4)).toEqual([
        "[test] server2: server server3 does not answer, its host does",
        "[test] well again: server2: the host of server3 does not answer",
      ]);
      await site.start("server3");
      await eventually(streams);
      expect(await look(5)).toEqual(["[test] well again: server2: server server3 does not answer, its host does"]);
    } finally {
      await site.close();
    }
  });
});

const prometheus = "/usr/bin/prometheus";
describe.skipIf(!existsSync(prometheus))("a real Prometheus", () => {
  it("reads what the watch writes, and answers each query of the dashboard and of the alert rules", {
    timeout: 300_000,
  }, async () => {
    await withSite(["one", "two"], async (site) => {
      // It goes with the site's.
      const folder = join(site.folder, "prometheus");
      mkdirSync(folder);
      const texts = join(site.folder, "metrics");
      mkdirSync(texts);
      chmodSync(texts, 0o777);
      const backups = join(site.folder, "backups");
      const run = new Date((start - hour) * 1000).toISOString().replace(/[-:]/g, "").replace(/\.\d+/, "");
      mkdirSync(join(backups, run), { recursive: true });
      writeFileSync(join(backups, run, "verified"), `time\t${start}\n`);
      const certificate = join(site.folder, "server.crt");
      execFileSync(
        "openssl",
        [
          "req",
          "-x509",
          "-newkey",
          "ec",
          "-pkeyopt",
          "ec_paramgen_curve:P-256",
          "-nodes",
          "-subj",
          "/CN=x",
          "-days",
          "90",
          "-keyout",
          `${certificate}.key`,
          "-out",
          certificate,
        ],
        { stdio: "ignore" },
      );
      chmodSync(certificate, 0o644);
      for (const name of site.names) {
        site.declare(name, {
          metrics: texts,
          certificate: { path: certificate },
          backups: [{ name: "own", folder: backups, when: "always" }],
        });
        await site.install(name);
      }
      await site.sql("one", "select pg_create_physical_replication_slot('left', true)");
      site.configure("one", { archive_mode: "on", archive_command: "true" });
      await site.stop("one");
      await site.start("one");
      await eventually(
        async () =>
          (await site.sql("one", "select count(*) from pg_stat_replication where state = 'streaming'")) === "1",
      );

      // node_exporter hands on what lies there, as this does.
      const server = createServer((_, response) => {
        const files = readdirSync(texts).filter((name) => name.endsWith(".prom"));
        response.setHeader("content-type", "text/plain; version=0.0.4");
        // HELP and TYPE are the same in all; a scrape has each once.
        const lines = files.flatMap((name) => readFileSync(join(texts, name), "utf8").split("\n"));
        const seen = new Set<string>();
        const byMetric = [...new Set(lines.filter((line) => line !== "" && !line.startsWith("#")))];
        const heads = lines.filter((line) => line.startsWith("#") && !seen.has(line) && seen.add(line));
        const named = [...new Set(heads.map((line) => line.split(" ")[2] ?? ""))];
        response.end(
          named
            .flatMap((name) => [
              ...heads.filter((line) => line.split(" ")[2] === name),
              ...byMetric.filter((line) => line.startsWith(`${name}{`)),
            ])
            .map((line) => `${line}\n`)
            .join(""),
        );
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.154.200", resolve));
      const { port } = server.address() as AddressInfo;
      const at = "127.0.154.201:9090";
      writeFileSync(
        join(folder, "prometheus.yml"),
        JSON.stringify({
          global: { scrape_interval: "1s", evaluation_interval: "1s" },
          rule_files: [join(checkout, "docs", "monitoring", "alerts.yml")],
          scrape_configs: [{ job_name: "node", static_configs: [{ targets: [`127.0.154.200:${port}`] }] }],
        }),
      );
      const child = spawn(
        prometheus,
        [
          `--config.file=${folder}/prometheus.yml`,
          `--storage.tsdb.path=${folder}/data`,
          `--web.listen-address=${at}`,
          "--log.level=error",
        ],
        { stdio: ["ignore", "ignore", "pipe"] },
      );
      let said = "";
      child.stderr?.on("data", (text) => {
        said += text;
      });
      try {
        const ask = async (path: string) =>
          (await fetch(`http://${at}/api/v1/${path}`)).json() as Promise<{
            status: string;
            data: {
              result: readonly { metric: Readonly<Record<string, string>> }[];
              groups?: readonly { rules: readonly { name: string; health: string; state: string }[] }[];
            };
          }>;
        for (const name of site.names) {
          expect((await site.watch(name)).code).toBe(0);
          expect((await site.watch(name)).code).toBe(0);
        }
        await eventually(
          async () =>
            (await ask("query?query=pgsite_condition").catch(() => undefined))?.data.result.length !== undefined,
        );
        await eventually(
          async () =>
            (await ask("query?query=count_over_time(pgsite_watch_time_seconds[1m])")).data.result.length === 2,
        );
        await new Promise((resolve) => setTimeout(resolve, 4000));

        const empty: string[] = [];
        for (const metric of metrics) {
          if (metric.panel === undefined) continue;
          const query = queryOf(metric, metric.panel).replaceAll("$site", ".*").replaceAll("$server", ".*");
          const { status, data } = await ask(`query?query=${encodeURIComponent(query)}`);
          expect([query, status]).toEqual([query, "success"]);
          if (data.result.length === 0) empty.push(metric.name);
        }
        expect(empty).toEqual([]);
        const dashboard = JSON.parse(readFileSync(join(checkout, "docs", "monitoring", "dashboard.json"), "utf8"));
        const queries = (dashboard.panels as { targets?: { expr: string }[] }[]).flatMap(({ targets = [] }) =>
          targets.map(({ expr }) => expr),
        );
        expect(queries.length).toBeGreaterThan(20);
        for (const expr of queries) {
          const query = expr.replaceAll("$site", ".*").replaceAll("$server", ".*");
          expect([query, (await ask(`query?query=${encodeURIComponent(query)}`)).status]).toEqual([query, "success"]);
        }
        // The slot that nobody uses was mailed of, and fires.
        await eventually(async () => {
          const { data } = await ask("rules");
          const rules = data.groups?.flatMap(({ rules: each }) => each) ?? [];
          expect(rules.filter(({ health }) => health === "err")).toEqual([]);
          return rules.find(({ name }) => name === "PgsiteSlotInactive")?.state === "firing";
        });
        const wrong = await ask(`query?query=${encodeURIComponent(`${conditionMetric.name} == 1`)}`);
        expect(wrong.data.result.map(({ metric }) => [metric.condition, metric.object])).toEqual([
          ["slotInactive", "left"],
        ]);
        expect(said).toBe("");
      } finally {
        const ended = new Promise((resolve) => child.once("close", resolve));
        child.kill("SIGTERM");
        await ended;
        server.close();
      }
    });
  });
});
