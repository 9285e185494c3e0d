// History that follows an upgrade: how long its rows take against one INSERT … SELECT of the same rows within the new server, and how
// much of its rate an application keeps that writes meanwhile.
import pg from "pg";
import { Migration } from "../test/support/migration.js";
import { closing } from "./support/closing.js";
import { median, say, seconds, timed } from "./support/compare.js";

/** Transactions a second of the application, each of two statements. */
const wanted = 500;

const table = (name: string) => `
create table ${name} (id bigint primary key, at timestamptz not null, host text, code int, took float8, line text);
create index ${name.replace(".", "_")}_at on ${name} (at);`;
const rowsOf = (name: string, rows: number) => `
insert into ${name} select i, '2024-01-01'::timestamptz + i * interval '1 s', 'mx' || i % 300 || '.example.org', i % 600, i * 0.01, md5(i::text) || md5((i + 1)::text)
  from generate_series(1, ${rows}) i;
vacuum analyze ${name};`;

/** An application that does so many small transactions a second, if it can: those it did, a second, while `act` went on. */
async function writing<T>(site: Migration, act: () => Promise<T>): Promise<{ readonly rate: number; readonly did: T }> {
  const { sockets: host, port } = site.target;
  const client = new pg.Client({ host, port, user: "postgres", database: "app" });
  await client.connect();
  let [count, goesOn] = [0, true];
  const began = performance.now();
  const loop = async () => {
    for (let done = 0; goesOn; done += 1) {
      const early = began + (done * 1000) / wanted - performance.now();
      if (early > 1) await new Promise((resolve) => setTimeout(resolve, early));
      const [account] = [1 + (done % 1000)];
      await client.query({ name: "w", text: "update account set n = n + 1 where id = $1", values: [account] });
      await client.query({ name: "i", text: "insert into done (account, at) values ($1, now())", values: [account] });
      count += 1;
    }
  };
  const looping = loop();
  const did = await act();
  const rate = (count * 1000) / (performance.now() - began);
  goesOn = false;
  await looping;
  await client.end();
  return { rate, did };
}

async function main(rows: number, rounds: number): Promise<void> {
  const site = await Migration.make({ from: "13", to: "18" }, { max_wal_size: "4GB", shared_buffers: "256MB" });
  await closing(site, async () => {
    const { target, source } = site;
    await source.query("postgres", `create schema rt_log;${table("rt_log.h")}${rowsOf("rt_log.h", rows)}`);
    await target.query(
      "postgres",
      `create schema rt_log; create schema own;${table("own.same")}${rowsOf("own.same", rows)}`,
    );
    await target.query("postgres", "create database app");
    await target.query(
      "app",
      "create table account (id int primary key, n int); insert into account select generate_series(1, 1000), 0; create table done (account int, at timestamptz)",
    );
    await site.begin({ databases: { postgres: ["rt_log.*"] } });
    const fresh = async () => {
      await target.query(
        "postgres",
        `drop schema if exists pgsite_migration cascade; drop table if exists rt_log.h, own.copy;${table("rt_log.h")}${table("own.copy")}checkpoint;`,
      );
    };
    const migrate = async () => {
      const { code, stderr } = await site.run(["run"]);
      if (code !== 0) throw new Error(stderr);
    };
    // Each finds the disk the same, and the server idle: what was written and given back before would slow down whoever comes next, and so
    // would the autovacuum of what the reference has made.
    const calm = async () => {
      await target.query("postgres", "drop table if exists own.copy; checkpoint;");
      await target.must(["sync"]);
      await new Promise((resolve) => setTimeout(resolve, 8000));
    };
    const [ratios, kept]: [number[], number[]] = [[], []];
    for (let round = 1; round <= rounds; round += 1) {
      await calm();
      await fresh();
      const alone = await writing(site, () => new Promise((resolve) => setTimeout(resolve, 8000)));
      const copying = () => timed(() => target.query("postgres", "insert into own.copy select * from own.same"));
      const reference = await writing(site, copying);
      await calm();
      const subject = await writing(site, () => timed(migrate));
      ratios.push(subject.did / reference.did);
      kept.push(alone.rate / subject.rate);
      say(
        `${round}: INSERT … SELECT ${seconds(reference.did)}, ours ${seconds(subject.did)} (${Math.round((rows * 1000) / subject.did)} rows a second); writes a second ${alone.rate.toFixed(0)} alone, ${reference.rate.toFixed(0)} and ${subject.rate.toFixed(0)} beside`,
      );
    }
    // At least 0.7 of its rows a second, and nine tenths of the writes.
    say(`ratio migrate ${median(ratios).toFixed(2)} target ${(1 / 0.7).toFixed(2)}`);
    say(`ratio migrate-writes ${median(kept).toFixed(2)} target ${(1 / 0.9).toFixed(2)}`);
  });
}

main(Number(process.argv[2] ?? 10_000_000), Number(process.argv[3] ?? 3)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
