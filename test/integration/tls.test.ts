import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import pLimit from "p-limit";
import { afterAll, describe, expect, it } from "vitest";
import { certificatesIn } from "../../postgres/certificates/judge.js";
import { type KeyPair, makeAuthority, makeCertificate } from "../../postgres/certificates/make.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { until } from "../../servers/process/until.js";
import { presentedBy } from "../../servers/sql/certificate.js";
import { triedAt } from "../support/everyRun.js";
import { LocalSite } from "../support/localSite.js";
import { availableMajors } from "../support/programs.js";

const cases = triedAt(
  [
    { major: "9.6", block: 130, certificates: "made" },
    { major: "10", block: 131, certificates: "given" },
    { major: "18", block: 133, certificates: "made" },
  ] as const,
  "9.6",
  "10",
);
const available = availableMajors();
const skipped = cases.filter(({ major }) => !available.includes(major));
const turn = pLimit(2);
const servers = ["server2", "server3"] as const;
const unchanged = /Resources:\n {4}\d+ unchanged\n/;

afterAll(() => {
  if (skipped.length > 0) console.log(`not tried, no server programs: ${skipped.map(({ major }) => major).join(", ")}`);
});

describe("a site whose servers prove who they are", () => {
  for (const { major, block, certificates } of cases) {
    const run = available.includes(major) ? it.concurrent : it.skip;
    run(
      `streams verified at ${major} by ${certificates} certificates, lets its roles do no more than theirs, and renews certificates`,
      () =>
        turn(async () => {
          const method = atLeast(major, "10") ? "scram-sha-256" : "md5";
          const site = await LocalSite.make({
            major,
            block,
            passwords: { app: "appl1cation" },
            description: {
              roles: { app: {} },
              settings: { wal_retrieve_retry_interval: "200ms", wal_receiver_status_interval: "1s" },
              access: [`hostssl all app 127.0.0.1/32 ${method}`, `hostssl all replicator 127.0.0.1/32 ${method}`],
              servers: { server3: { role: "mirror" } },
            },
          });
          try {
            const declare = certificates === "made" ? declareMade(site) : await declareGiven(site, major);
            await declare(365);
            await site.up();
            const demand = { authority: await site.output("authority"), required: true };
            const ask = (server: string, sql: string | readonly string[], user = "postgres") =>
              site.query(server, sql, { user, tls: demand });

            await expectVerified(site, ask);
            await expectRefusals(site, demand.authority, ask);
            await expectMethod(site, method, ask);
            await expectLittleRights(ask);
            await expectSecrets(site);
            await expectRenewal(site, major, () => declare(90), ask);
          } finally {
            await site.remove();
          }
        }),
      240_000,
    );
  }
});

type Ask = (server: string, sql: string | readonly string[], user?: string) => ReturnType<LocalSite["query"]>;
type Declare = (validityDays: number) => Promise<void>;

function declareMade(site: LocalSite): Declare {
  return async (validityDays) => site.declare({ tls: { certificates: "made", validityDays } });
}

async function declareGiven(site: LocalSite, version: Major): Promise<Declare> {
  const now = new Date();
  const authority = await makeAuthority({ name: "ours", validityDays: 3650, now });
  return async (validityDays) => {
    const pairs = await Promise.all(
      servers.map((name) =>
        makeCertificate({ authority, name, address: site.address(name), validityDays, kind: "ec", now }),
      ),
    );
    const certificates = servers.map((name, index) => [name, { certificate: (pairs[index] as KeyPair).certificate }]);
    for (const [index, name] of servers.entries()) await site.setSecret(`key-${name}`, (pairs[index] as KeyPair).key);
    const { server2, server3 } = Object.fromEntries(certificates) as Record<string, object>;
    expect(atLeast(version, "10")).toBe(true);
    site.declare({
      tls: { certificates: "given", authority: authority.certificate },
      servers: { server2, server3: { role: "mirror", ...server3 } },
    });
  };
}

async function expectVerified(site: LocalSite, ask: Ask): Promise<void> {
  const streams =
    "select application_name as name, usename as role, state, ssl::text as ssl from pg_stat_replication join pg_stat_ssl using (pid)";
  expect(await ask("server2", streams)).toEqual([
    { name: "server3", role: "replicator", state: "streaming", ssl: "true" },
  ]);
  const conninfo = servers
    .flatMap((name) => ["postgresql.conf", "recovery.conf"].map((file) => join(site.dataDirectory(name), file)))
    .flatMap((path) => (statSync(path, { throwIfNoEntry: false }) === undefined ? [] : [readFileSync(path, "utf8")]))
    .filter((text) => text.includes("primary_conninfo"));
  expect(conninfo).toHaveLength(1);
  expect(conninfo[0]).toContain("sslmode=verify-full");
  expect(conninfo[0]).not.toContain("password=");
}

async function expectRefusals(site: LocalSite, authority: string, ask: Ask): Promise<void> {
  const plain = site.query("server2", "select 1", { user: "app" });
  await expect(plain).rejects.toThrow(/no pg_hba\.conf entry for host .*(SSL off|no encryption)/);
  const other = await makeAuthority({ name: "another", validityDays: 10, now: new Date() });
  const tls = { authority: other.certificate, required: true };
  await expect(site.query("server2", "select 1", { tls })).rejects.toThrow(
    "presents a certificate that the declared authority did not sign",
  );
  expect(await ask("server2", "select current_user as me", "app")).toEqual([{ me: "app" }]);
  expect(certificatesIn(authority)).toHaveLength(1);
}

async function expectMethod(site: LocalSite, method: string, ask: Ask): Promise<void> {
  const verifiers = await ask(
    "server2",
    "select distinct left(rolpassword, 3) as v from pg_authid where rolpassword is not null",
  );
  expect(verifiers).toEqual([{ v: method === "md5" ? "md5" : "SCR" }]);
  for (const name of servers) {
    const rules = readFileSync(join(site.dataDirectory(name), "pg_hba.conf"), "utf8").split("\n");
    const ofReplication = rules.filter((line) => line.includes(" replication "));
    expect(ofReplication.map((line) => line.replace(/\s+/g, " "))).toEqual([
      `hostssl replication replicator 127.0.0.1/32 ${method}`,
    ]);
    // The database's OS user alone comes in without a password.
    expect(rules.filter((line) => /^host/.test(line) && !line.endsWith(` ${method}`))).toEqual([]);
  }
}

async function expectLittleRights(ask: Ask): Promise<void> {
  await ask("server2", "create table mark as select 1 as one");
  const role = "select rolsuper::text as super, rolreplication::text as replicates, rolcreaterole::text as roles,";
  const more = " rolcreatedb::text as databases from pg_roles where rolname = 'replicator'";
  expect(await ask("server2", role + more)).toEqual([
    { super: "false", replicates: "true", roles: "false", databases: "false" },
  ]);
  const member = "select count(*)::text as n from pg_auth_members m join pg_roles r on r.oid = m.member";
  expect(await ask("server2", `${member} where rolname = 'replicator'`)).toEqual([{ n: "0" }]);
  await expect(ask("server2", "select * from mark", "replicator")).rejects.toThrow(
    /permission denied for (relation|table) mark/,
  );
  await expect(ask("server2", "select * from pg_authid", "replicator")).rejects.toThrow(/permission denied/);

  await ask("server2", "grant all on mark to app");
  const arrived = () => ask("server3", "select one::text as one from mark", "app").then(([row]) => row?.one === "1");
  expect(await until(() => arrived().catch(() => false), { deadline: 10_000 })).toBe(true);
  for (const user of ["app", "postgres"]) {
    await expect(ask("server3", "insert into mark values (2)", user)).rejects.toThrow("read-only transaction");
    await expect(ask("server3", "create table other ()", user)).rejects.toThrow("read-only transaction");
    await expect(ask("server3", "set transaction_read_only = off", user)).rejects.toThrow("during recovery");
  }
}

async function expectSecrets(site: LocalSite): Promise<void> {
  for (const name of servers) {
    const path = (file: string) => join(site.controlDirectory(name), file);
    for (const file of ["server.key", "server.crt", "authorities.crt"]) {
      expect(statSync(path(file)).mode & 0o777).toBe(0o600);
    }
    expect(readFileSync(path("server.key"), "utf8")).toContain("PRIVATE KEY");
  }
  const state = await site.exported();
  expect(state).toContain("BEGIN CERTIFICATE");
  expect(state).not.toContain("PRIVATE KEY");
}

async function expectRenewal(site: LocalSite, major: Major, declare: () => Promise<void>, ask: Ask): Promise<void> {
  const look = async () => ({
    certificates: await Promise.all(
      servers.map(async (name) => (await presentedBy({ address: site.address(name), port: 5442 }))?.fingerprint256),
    ),
    postmasters: servers.map((name) => site.postmaster(name)),
    streams: await ask("server2", "select pid::text as pid from pg_stat_replication"),
  });
  const before = await look();
  await declare();
  const how = atLeast(major, "10") ? "reload" : "restart in order";
  const shown = await site.preview();
  for (const name of servers) {
    expect(shown).toMatch(
      new RegExp(`${name}: the certificate is valid until [-0-9]+, declared valid until [-0-9]+: ${how}`),
    );
  }
  const printed = await site.up(["--diff"]);
  expect(shown + printed).not.toContain("PRIVATE KEY");
  const after = await look();
  for (const [index, certificate] of after.certificates.entries()) {
    expect(certificate).toMatch(/^[0-9A-F:]+$/);
    expect(certificate).not.toBe(before.certificates[index]);
  }
  if (atLeast(major, "10")) {
    expect(after.postmasters).toEqual(before.postmasters);
    expect(after.streams).toEqual(before.streams);
  } else {
    for (const [index, pid] of after.postmasters.entries()) expect(pid).not.toBe(before.postmasters[index]);
  }
  await expectVerified(site, ask);
  expect(await site.preview()).toMatch(unchanged);
}
