import { describe, expect, it } from "vitest";
import { resolveStack } from "../../../config/resolve.js";

const base = {
  "pgsite:site": "orders",
  "pgsite:postgresql": "16",
  "pgsite:hosts": '{"server2": "192.0.2.2", "server3": "192.0.2.3", "store": "192.0.2.9"}',
  "pgsite:primary": "server2",
  "pgsite:servers": '{"server2": {"dataDirectory": "/srv/two"}, "server3": {"dataDirectory": "/srv/three"}}',
  "pgsite:password-postgres": "secret",
  "pgsite:password-replicator": "secret",
};
const resolved = (keys: Readonly<Record<string, unknown>>) =>
  resolveStack("site", {
    ...base,
    ...Object.fromEntries(Object.entries(keys).map(([key, value]) => [`pgsite:${key}`, JSON.stringify(value)])),
  });
const problems = (keys: Readonly<Record<string, unknown>>) =>
  resolved(keys).problems.map(({ path, message }) => `${path}: ${message}`);
const mail = { to: "postgres-status" };
const least = { schedule: "2 11 * * 0", folder: "/raid/backup" };

describe("backups in a stack file", () => {
  it("are made on every server that may be the primary, and their copies go to hosts of the stack", () => {
    const { stack, problems: none } = resolved({
      mail,
      backups: {
        ...least,
        timeZone: "America/Santiago",
        folder: { server2: "/raid2/backup", server3: "/raid3/backup" },
        lockWait: "2min",
        databases: { sispi: { large: "1GB", groups: { monsoon: ["telemetry.monsoon*"] }, schemas: ["alarms"] } },
        copies: [
          { server: "server3", folder: "/raid3/copies" },
          { host: "store", user: "keeper", folder: "/copies" },
        ],
      },
    });
    expect(none).toEqual([]);
    expect(stack?.site.backups).toMatchObject({
      role: "primary",
      folders: { server2: "/raid2/backup", server3: "/raid3/backup" },
      lockWait: 120,
      databases: { sispi: { large: 2 ** 30, tables: [], schemas: ["alarms"] } },
      copies: [
        { server: "server3", host: { name: "server3", user: "postgres" }, rolePasswords: true },
        { host: { name: "store", address: "192.0.2.9", user: "keeper" } },
      ],
      keep: { last: 3, daily: 7, weekly: 4, monthly: 0 },
    });
  });

  it("say all that is wrong with them, and what is allowed", () => {
    expect(
      problems({
        mail,
        backups: {
          ...least,
          schedule: "2 11 * * 0 root",
          timeZone: "America/Santiago de Chile",
          databases: { sispi: { groups: { rest: ["alarms"] } } },
        },
      }),
    ).toEqual([
      'backups.schedule: received "2 11 * * 0 root"; it has 6 fields, and a cron expression has five: minute, hour, day of the month, month, day of the week; or none',
      'backups.timeZone: received "America/Santiago de Chile"; a time zone is one of the IANA\'s list: America/Santiago, UTC',
      "backups.databases.sispi.groups.rest: frame, rest and whole are dumps of pgsite's own",
      'backups.databases.sispi.groups.rest[0]: received "alarms"; a table is SCHEMA.TABLE, with * for anything and ? for one character',
    ]);
    expect(
      problems({
        mail,
        backups: {
          ...least,
          server: "server4",
          copies: [
            { server: "server5", folder: "/a" },
            { host: "nowhere", folder: "/a" },
          ],
          drill: { schedule: "0 3 * * 1", server: "server3" },
        },
      }),
    ).toEqual([
      'backups.server: there is no server "server4" in this stack; allowed: server2, server3',
      'backups.copies[0].server: there is no server "server5" in this stack; allowed: server2, server3',
      'backups.copies[1].host: the host "nowhere" has no address: add it to hosts (known: server2, server3, store)',
      "backups.drill.server: server3 has no runs: name a server that makes backups, or one that copies: copies them to",
    ]);
    expect(problems({ mail, backups: { ...least, copies: [{ server: "server3", folder: "/raid/backup" }] } })).toEqual([
      "backups.copies[0].folder: is where server3 writes its runs: a copy lies elsewhere",
    ]);
    expect(problems({ mail, backups: { ...least, folder: { server2: "/raid2/backup" } } })).toEqual([
      "backups.folder.server3: is missing: server3 makes backups while it is the primary",
    ]);
  });

  it("of a warm standby are refused, since it answers no queries", () => {
    const settings = { hot_standby: false };
    expect(problems({ mail, settings, backups: { ...least, server: "server3" } })).toEqual([
      "backups.server: server3 is a warm standby (hot_standby is off) and answers no queries: allowed are primary and servers that do",
    ]);
  });

  it("and a watch name conditions that there are", () => {
    expect(problems({ mail, watch: { thresholds: { lagBites: "1GB" } } })).toEqual([
      expect.stringMatching(
        /^watch\.thresholds\.lagBites: there is no such threshold \(did you mean \w+\?\); allowed: /,
      ),
    ]);
  });

  it("that tell nobody are warned of", () => {
    expect(problems({ backups: least, watch: {} })).toEqual([
      "mail: is missing: backups and watch would tell nobody what went wrong. Name who gets mail (mail.to)",
    ]);
  });

  it("run by nobody's clock in a rehearsal, in its own folders, and tell nobody", () => {
    const rehearsed = (clients: { readonly clients?: string }) =>
      resolved({
        mail,
        watch: { metrics: "/var/lib/prometheus/node-exporter" },
        backups: { ...least, copies: [{ server: "server3", folder: "/raid3/copies", port: 2222 }] },
        rehearsal: {
          folder: "/tmp/here",
          osUser: "somebody",
          addresses: { server2: "127.0.0.2", server3: "127.0.0.3", store: "127.0.0.9" },
          ...clients,
        },
      });
    const { stack } = rehearsed({ clients: "/opt/clients" });
    expect(rehearsed({}).stack?.site).not.toHaveProperty("backups");
    expect(stack?.site.mail).toBeUndefined();
    expect(stack?.site.watch).toEqual({ schedule: "none", thresholds: {} });
    expect(stack?.site.backups).toMatchObject({
      schedule: "none",
      folders: { server2: "/tmp/here/server2/raid/backup", server3: "/tmp/here/server3/raid/backup" },
      copies: [{ server: "server3", folder: "/tmp/here/server3/raid3/copies", host: { transport: "local" } }],
    });
  });
});
