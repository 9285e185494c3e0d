import { describe, expect, it } from "vitest";
import { resolveStack } from "../../../config/resolve.js";
import { type JobsRequest, jobsOf } from "../../../preflight/jobs.js";
import { Lines, parseFacts } from "../../../preflight/parse.js";
import { requestOf } from "../../../preflight/request.js";

const base = {
  "pgsite:site": "orders",
  "pgsite:postgresql": "16",
  "pgsite:hosts": '{"db1": "192.0.2.2", "db2": "192.0.2.3", "store": "192.0.2.9"}',
  "pgsite:primary": "db1",
  "pgsite:servers": '{"db1": {"dataDirectory": "/srv/one"}, "db2": {"dataDirectory": "/srv/two"}}',
  "pgsite:password-postgres": "secret",
  "pgsite:password-replicator": "secret",
};

function siteOf(keys: Readonly<Record<string, unknown>>) {
  const given = Object.entries(keys).map(([key, value]) => [
    `pgsite:${key}`,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  const { stack, problems } = resolveStack("site", { ...base, ...Object.fromEntries(given) });
  expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
  if (stack === undefined) throw new Error("there is no stack");
  return stack.site;
}

function jobs(keys: Readonly<Record<string, unknown>>): Readonly<Record<string, JobsRequest | undefined>> {
  const site = siteOf(keys);
  return Object.fromEntries(site.servers.map((server) => [server.name, jobsOf(site, server).jobs]));
}

const backups = { schedule: "2 11 * * 0", timeZone: "America/Santiago", folder: "/backup" };

describe("what a preflight is asked", () => {
  it("has nothing of jobs where a stack has none, so that earlier states show no difference", () => {
    const request = requestOf(siteOf({ mail: { to: "dba", aliases: { dba: ["jane"] } } }));
    expect(Object.keys(request)).not.toContain("mail");
    for (const server of request.servers) expect(Object.keys(server)).not.toContain("jobs");
  });

  it("is the same whoever is the primary", () => {
    const keys = { backups: { ...backups, drill: { schedule: "none" } }, watch: {}, mail: { to: "dba" } };
    expect(requestOf(siteOf({ ...keys, primary: "db2" }))).toEqual(requestOf(siteOf(keys)));
  });

  it("is of each server what its backups and watch take", () => {
    const { db1, db2 } = jobs({
      backups: {
        ...backups,
        server: "db1",
        ionice: "idle",
        rateLimit: "10MB",
        copies: [
          { server: "db2", folder: "/copies" },
          { folder: "/usb" },
          { host: "store", user: "keeper", folder: "/far" },
        ],
        drill: { schedule: "0 3 * * 1", server: "db2" },
      },
      watch: { metrics: "/var/lib/prometheus/node-exporter" },
    });
    const clients = ["psql", "pg_dump", "pg_dumpall", "pg_restore"];
    const metrics = "/var/lib/prometheus/node-exporter";
    expect(db1).toEqual({
      needs: ["backups", "copies", "ionice", "jobs", "rateLimit", "ssh"],
      clients,
      times: [
        { program: "backup", key: "backups", cron: "2 11 * * 0", zone: "America/Santiago" },
        { program: "watch", key: "watch", cron: "1 * * * *" },
      ],
      folders: [
        { path: "/backup", key: "backups.folder" },
        { path: "/usb", key: "backups.copies[1].folder" },
      ],
      metrics,
    });
    expect(db2).toEqual({
      needs: ["backups", "copies", "jobs"],
      clients,
      times: [
        { program: "drill", key: "backups.drill", cron: "0 3 * * 1", zone: "America/Santiago" },
        { program: "watch", key: "watch", cron: "1 * * * *" },
      ],
      folders: [{ path: "/copies", key: "backups.copies[0].folder" }],
      metrics,
    });
  });

  it("is psql alone of a watch, and no time of what runs by hand", () => {
    const watch = { needs: ["jobs"], clients: ["psql"], times: [], folders: [] };
    expect(jobs({ watch: { schedule: "none" } })).toEqual({ db1: watch, db2: watch });
  });
});

describe("what a host printed of jobs", () => {
  it("is read by folder and program", () => {
    const text = [
      "server.db1.jobs=absent - /backup/a b",
      "server.db1.jobs=closed root /copies",
      "server.db1.jobs.0=no root /",
      "server.db1.jobs.1=yes postgres /",
      "server.db1.client=psql own",
      "server.db1.client=pg_dump 13.4",
      "server.db1.client=pg_restore",
      "cron.runs=hidden",
      "zone.localtime=/usr/share/zoneinfo/America/Santiago",
    ].join("\n");
    const { servers, cron, zone, sendmail } = parseFacts(new Lines(text), { sent: 1, received: 2 }, ["db1"]);
    expect(servers.db1?.jobFolders).toEqual([
      {
        path: "/backup/a b",
        found: "absent",
        owner: "-",
        parent: { path: "/", owner: "root", writable: false, way: [] },
      },
      {
        path: "/copies",
        found: "closed",
        owner: "root",
        parent: { path: "/", owner: "postgres", writable: true, way: [] },
      },
    ]);
    expect(servers.db1?.clients).toEqual([
      { program: "psql", own: true },
      { program: "pg_dump", own: false, version: "13.4" },
      { program: "pg_restore", own: false },
    ]);
    expect({ cron, zone, sendmail }).toEqual({
      cron: { folder: false, runs: "hidden" },
      zone: "America/Santiago",
      sendmail: undefined,
    });
  });
});
