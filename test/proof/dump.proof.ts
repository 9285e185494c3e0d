import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import type { Server, Site } from "../../config/site.js";
import { dump } from "../../servers/dump/dump.js";
import { restoreDump } from "../../servers/dump/restore.js";
import { allPrograms } from "../../toolchain/clients.mjs";
import { OwnServer } from "../support/ownServer.js";
import { programsOf } from "../support/programs.js";
import { proof } from "../support/proof.js";

/** Client programs that are newer than the server set parameters that it has not: their script goes without these. */
const made: OwnServer[] = [];
const folder = mkdtempSync("/var/tmp/pgsite-dump-");
afterAll(async () => {
  for (const one of made) await one.close();
  rmSync(folder, { recursive: true, force: true });
});

it.each(["10", "13"] as const)("%s by the programs of 18, and on into 18", { timeout: 300_000 }, async (major) => {
  const clients = await allPrograms("18");
  if (clients === undefined) throw new Error("there are no programs of 18 here");
  const at = async (version: "10" | "13" | "18") => {
    const own = await OwnServer.make({ address: "127.0.243.9", major: version, programs: await programsOf(version) });
    made.push(own);
    await own.query("postgres", "create role boss superuser login password 'secret'");
    await own.query("postgres", "create database a");
    await own.query("postgres", "create database b");
    return { own, site: siteOf(own, clients) };
  };
  const { signal } = new AbortController();
  const passwords = { boss: "secret" };
  const old = await at(major);
  await old.own.query(
    "a",
    "create table t as select n, md5(n::text) f from generate_series(1, 1000) n; select lo_from_bytea(0, 'x')",
  );
  const path = join(folder, `${major}.dump`);
  const [server] = old.site.servers as [Server];
  await dump({ site: old.site, server, passwords, signal, database: "a", to: { on: "here", path } });
  const restored = async ({ own, site }: Awaited<ReturnType<typeof at>>) => {
    const [into] = site.servers as [Server];
    await restoreDump({ site, server: into, passwords, signal, from: { on: "here", path }, database: "b" });
    return own.query(
      "b",
      "select count(*), sum(hashtext(n || f)), (select count(*) from pg_largeobject_metadata) from t",
    );
  };
  const first = await restored(old);
  expect(first).toMatch(/^1000\t-?\d+\t1$/);
  await old.own.stop();
  expect(await restored(await at("18"))).toBe(first);
  await made.at(-1)?.stop();
});

function siteOf(own: OwnServer, clientDirectory: string): Site {
  const controlDirectory = `${own.data}.pgsite`;
  const address = "127.0.243.9";
  const server: Server = {
    name: "server1",
    host: { name: "here", transport: "local", address, user: own.user },
    address,
    port: own.port,
    dataDirectory: own.data,
    controlDirectory,
    role: "primary",
    version: own.major,
    binDirectory: own.serverPrograms,
    hotStandby: true,
    settings: {},
    files: {},
    passfile: join(controlDirectory, "passfile"),
    proof: proof(),
    disposable: true,
  };
  const initdb = { locale: "C", encoding: "UTF8", dataChecksums: true };
  const roles = { administrator: "boss", replicationRole: "boss", primary: "server1" };
  return { name: "test", stack: "test", version: own.major, ...roles, servers: [server], initdb, clientDirectory };
}
