import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { controlNames } from "../../../config/controlDirectory.js";
import { resolveStack } from "../../../config/resolve.js";
import type { HostSpec } from "../../../hosts/host.js";
import { runbookFacts } from "../../../installed/runbook/facts.js";
import type { RunbookFacts } from "../../../installed/runbook/render.js";
import { makeAuthority } from "../../../postgres/certificates/make.js";
import { type AuthorityArgs, type AuthorityState, authority } from "../../../provider/resources/authority.js";
import { clientLinks } from "../../../provider/resources/clientLinks.js";
import { dataDirectory } from "../../../provider/resources/dataDirectory.js";
import { type HostFileArgs, type HostFileState, hostFile } from "../../../provider/resources/hostFile.js";
import { preflight } from "../../../provider/resources/preflight.js";
import { rollout } from "../../../provider/resources/rollout.js";
import { runbook } from "../../../provider/resources/runbook.js";
import { serverCertificate } from "../../../provider/resources/serverCertificate.js";
import { serverConfiguration } from "../../../provider/resources/serverConfiguration.js";
import { type ServiceArgs, type ServiceState, service } from "../../../provider/resources/service.js";
import { topology } from "../../../provider/resources/topology.js";
import {
  type Any,
  checked,
  compared,
  context,
  describeAll,
  describeCheck,
  refusing,
  takeWarnings,
} from "../../support/declaredNow.js";

/*
 * Every argument of every resource that lives on hosts (`test/support/declaredNow.ts`). Roles, databases and access:
 * test/integration/declaredNow.test.ts.
 */

const user = userInfo().username;
const folder = mkdtempSync(join(tmpdir(), "pgsite-declared-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const here: HostSpec = { name: "here", transport: "local", address: "127.0.141.2", user };
const renumbered: HostSpec = { ...here, address: "127.0.141.3" };

describeAll<HostFileArgs, HostFileState>(
  "HostFile",
  hostFile,
  (key) => ({ host: here, path: join(folder, "file", key), content: "one\n", mode: "0600" }),
  ({ path }) => ({
    host: renumbered,
    path: `${path}-other`,
    content: "two:1:*:me:x\n",
    mode: "0640",
    keeps: "other connections",
  }),
  ({ path, content }, key) => {
    expect(readFileSync(path, "utf8"), key).toBe(content);
    if (key === "path") expect(existsSync(path.replace("-other", ""))).toBe(false);
  },
);

describeAll(
  "ClientLinks",
  clientLinks,
  (key) => {
    for (const place of [key, `${key}-other`]) {
      mkdirSync(join(folder, "links", place), { recursive: true });
      for (const name of ["one", "two"]) writeFileSync(join(folder, "links", place, name), name);
    }
    return { host: here, folder: join(folder, "links", key), links: { current: "one" } };
  },
  (args) => ({ host: renumbered, folder: `${args.folder}-other`, links: { current: "two" } }),
  ({ folder: at, links }) => expect(readFileSync(join(at, "current"), "utf8")).toBe(links.current),
);

describeAll<AuthorityArgs, AuthorityState>(
  "Authority",
  authority,
  () => ({ site: "orders", stack: "test" }),
  () => ({ site: "other", stack: "other" }),
);

const ca = await makeAuthority({ name: "one", validityDays: 3650, now: new Date() });
const ca2 = await makeAuthority({ name: "two", validityDays: 3650, now: new Date() });
describeAll(
  "ServerCertificate",
  serverCertificate,
  (key) => ({
    server: "db1",
    host: here,
    // An older server reads its certificate at its start alone: no server runs here.
    version: "9.6",
    address: "127.0.141.2",
    port: 5442,
    dataDirectory: join(folder, "none"),
    binDirectory: "/nonexistent",
    certificatePath: join(folder, `${key}.crt`),
    keyPath: join(folder, `${key}.key`),
    authority: ca.certificate,
    authorityKey: ca.key,
    validityDays: 365,
    renewBeforeDays: 30,
  }),
  ({ certificatePath, keyPath }) => ({
    server: "db2",
    host: renumbered,
    version: "9.5",
    address: "127.0.141.9",
    port: 5443,
    dataDirectory: join(folder, "other"),
    binDirectory: "/elsewhere",
    certificatePath: `${certificatePath}2`,
    keyPath: `${keyPath}2`,
    authority: { together: { authority: ca2.certificate, authorityKey: ca2.key } },
    authorityKey: ca2.key,
    givenCertificate: ca2.certificate,
    givenKey: ca2.key,
    validityDays: 100,
    renewBeforeDays: 200,
  }),
  ({ certificate, certificatePath, key, keyPath }) => {
    expect(readFileSync(certificatePath, "utf8")).toBe(certificate);
    expect(readFileSync(keyPath, "utf8")).toBe(key);
  },
);

/** A data directory as pgsite makes one: a control file, and the identity beside it. */
function plant(path: string, server = "db1", site = "orders"): string {
  mkdirSync(join(path, "global"), { recursive: true });
  mkdirSync(`${path}.pgsite`, { recursive: true });
  const control = Buffer.alloc(8192);
  control.writeBigUInt64LE(7300000000000000001n, 0);
  writeFileSync(join(path, "global/pg_control"), control);
  const identity = { site, server, systemIdentifier: "7300000000000000001" };
  writeFileSync(join(`${path}.pgsite`, controlNames.identity), JSON.stringify(identity));
  return path;
}

const placed = (path: string) => ({ path, controlDirectory: `${path}.pgsite` });
describeAll(
  "DataDirectory",
  dataDirectory,
  (key) => {
    const path = plant(join(folder, "data", key));
    return { site: "orders", server: "db1", host: here, ...placed(path), disposable: true, others: [] };
  },
  ({ path }) => ({
    site: refusing("other", /was not made by pgsite/),
    server: refusing("db2", /was not made by pgsite/),
    // The same machine by another address.
    host: renumbered,
    path: refusing(`${path}-other`, /has its data in .* and .*-other on here is declared/),
    controlDirectory: refusing(`${path}.other`, /was not made by pgsite/),
    disposable: false,
    stack: "orders",
    others: [{ name: "db2", host: here, ...placed(join(folder, "nothing")), dataDirectory: join(folder, "nothing") }],
  }),
);

describe("a data directory that is declared elsewhere", () => {
  const args = (path: string, more: object = {}) => {
    return { site: "orders", server: "db1", host: here, ...placed(path), disposable: false, ...more };
  };
  const read = async (path: string) => {
    const state = await dataDirectory.create(context, await checked(dataDirectory, args(path)));
    return dataDirectory.read(context, "", state);
  };

  it("is what two servers have that swap theirs: refused, of each", async () => {
    const [one, two] = [plant(join(folder, "swap/one")), plant(join(folder, "swap/two"), "db2")];
    const actual = await read(one);
    await expect(checked(dataDirectory, args(two), actual)).rejects.toThrow(/was not made by pgsite/);
  });

  it("is on another host: refused while nobody can say whether the old one has data, and once they came along taken", async () => {
    const path = plant(join(folder, "moved/data"));
    const away = { name: "away", transport: "ssh", address: "198.18.0.1", user } as const;
    const actual = { ...(await read(path)), host: away } as Any;
    await expect(checked(dataDirectory, args(join(folder, "moved/none")), actual)).rejects.toThrow(
      /had its data in .* on away, which cannot be asked .*nobody knows whether old data can start there again/,
    );
    takeWarnings();
    await checked(dataDirectory, args(path), actual);
    expect(takeWarnings()).toContain("see to it that the server there never starts again");
  });

  it("is taken where the old place never was filled", async () => {
    const path = join(folder, "unfilled/data");
    const actual = { ...(await read(path)), data: "absent" } as Any;
    const state = await checked(dataDirectory, args(`${path}-other`), actual);
    expect(state).toMatchObject({ path: `${path}-other`, data: "present", incarnation: 2 });
  });

  it("that is no longer disposable is left when its resource goes, and so are runbook and service", async () => {
    const path = plant(join(folder, "kept/data"));
    const before = await checked(dataDirectory, { ...args(path), disposable: true });
    const done = await dataDirectory.update(
      context,
      await checked(dataDirectory, args(path), { ...before, data: "present" }),
      before,
    );
    await dataDirectory.delete(context, done);
    expect(existsSync(join(path, "global/pg_control"))).toBe(true);
    const state = await checked(service, { ...serviceArgs(), disposable: true });
    expect((await checked(service, serviceArgs(), { ...state, maker: "pgsite" })).disposable).toBe(false);
  });
});

function factsOf(server: string, place: string, more: object = {}): RunbookFacts {
  const description = {
    site: "orders",
    postgresql: "15",
    port: 5442,
    primary: "db1",
    hosts: { db1: "127.0.141.2", db2: "127.0.141.3" },
    servers: { db1: { dataDirectory: place }, db2: { dataDirectory: `${place}2` } },
    ...more,
  };
  const raw = Object.entries(description).map(([key, value]) => [
    `pgsite:${key}`,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  const { stack, problems } = resolveStack("test", Object.fromEntries(raw));
  const [one, inputs] = [stack?.site.servers.find(({ name }) => name === server), stack?.inputs[server]];
  const facts = one === undefined || inputs === undefined ? undefined : runbookFacts(one, inputs);
  if (facts === undefined) throw new Error(JSON.stringify(problems));
  return { ...facts, user };
}

describeAll(
  "Runbook",
  runbook,
  (key) => {
    const place = plant(join(folder, "runbook", key));
    const facts = factsOf("db1", place);
    writeFileSync(facts.passfile, "127.0.141.3:5442:*:replicator:old\n", { mode: 0o600 });
    return {
      site: "orders",
      servers: { db1: { host: here, facts, disposable: true } },
      passfiles: { db1: "127.0.141.3:5442:*:replicator:one\n" },
    };
  },
  ({ servers }) => ({
    site: "other",
    servers: {
      db1: {
        host: renumbered,
        facts: factsOf("db1", servers.db1?.facts.dataDirectory ?? "", { port: 5443 }),
        disposable: false,
      },
    },
    passfiles: { db1: "127.0.141.3:5442:*:replicator:two\n" },
  }),
  ({ servers, passfiles }) => {
    const { facts, disposable } = servers.db1 ?? {};
    expect(readFileSync(facts?.passfile ?? "", "utf8")).toBe(passfiles.db1);
    expect(readFileSync(join(facts?.controlDirectory ?? "", "runbook/peers"), "utf8")).toContain(
      `'127.0.141.3' '${disposable === false ? 5443 : 5442}'`,
    );
  },
);

it("a runbook says which peers do not tell its guard whether they took over, and asks again until they do", async () => {
  const facts = factsOf("db1", plant(join(folder, "untold")));
  writeFileSync(facts.passfile, "", { mode: 0o600 });
  const frozen = createServer(() => undefined);
  await new Promise<void>((done) => frozen.listen(5442, "127.0.141.3", done));
  takeWarnings();
  const args = { site: "orders", servers: { db1: { host: here, facts, disposable: true } }, passfiles: { db1: "" } };
  const state = await runbook.create(context, await checked(runbook, args));
  expect(takeWarnings()).toContain(
    "db1 cannot ask db2 (127.0.141.3:5442) whether it has taken over: it takes connections",
  );
  const found = await runbook.read(context, "", state);
  takeWarnings();
  expect(compared(runbook, await checked(runbook, args, found))).toEqual(compared(runbook, found));
  expect(takeWarnings()).toContain("db1 cannot ask db2");
  frozen.close();
  frozen.unref();
  const later = await runbook.read(context, "", found);
  expect(later?.__untold).toBeUndefined();
}, 60_000);

it("guards are tried one after the other: each of their questions takes a walsender, and a primary may have one to spare", async () => {
  const [one, two] = ["one", "two"].map((name) => factsOf("db1", plant(join(folder, "turns", name))));
  if (one === undefined || two === undefined) throw new Error("no facts");
  for (const { passfile } of [one, two]) writeFileSync(passfile, "", { mode: 0o600 });
  let [all, open, most] = [0, 0, 0];
  const listener = createServer((socket) => {
    all += 1;
    open += 1;
    // What has ended just before may not be known yet.
    setTimeout(() => {
      most = Math.max(most, open);
    }, 50);
    socket
      .on("error", () => undefined)
      .on("close", () => {
        open -= 1;
      });
    setTimeout(() => socket.destroy(), 300);
  });
  await new Promise<void>((done) => listener.listen(5442, "127.0.141.3", done));
  const servers = {
    db1: { host: here, facts: one, disposable: true },
    db3: { host: here, facts: two, disposable: true },
  };
  const args = { site: "orders", servers, passfiles: { db1: "", db3: "" } };
  await runbook.create(context, await checked(runbook, args));
  expect(all).toBeGreaterThanOrEqual(2);
  expect(most).toBe(1);
  listener.close();
}, 60_000);

function serviceArgs(): ServiceArgs {
  const data = join(folder, "service");
  return {
    host: here,
    facts: {
      name: "pgsite-test-declared-now",
      site: "orders",
      server: "db1",
      user,
      dataDirectory: data,
      controlDirectory: `${data}.pgsite`,
      binDirectory: "/usr/lib/postgresql/15/bin",
      passfile: `${data}.pgsite/passfile`,
      socketFolders: ["/run/one"],
      runLevels: [2, 3, 4, 5],
    },
    // Read, and never installed: this machine's services are not a test's to change.
    manager: "sysv",
    container: "one",
    disposable: false,
  };
}
describeCheck<ServiceArgs, ServiceState>("Service", service, serviceArgs, (args) => ({
  host: renumbered,
  facts: { ...args.facts, socketFolders: ["/run/two"], dataDirectory: "/elsewhere" },
  manager: "systemd",
  container: "two",
  disposable: true,
}));

it("a service's text is of what is declared now: another folder for sockets, another address, another name", async () => {
  const args = serviceArgs();
  const actual = await checked(service, args);
  const facts = { ...args.facts, socketFolders: ["/run/two"] };
  const { text } = await checked(service, { ...args, facts }, { ...actual, text: "", maker: "nobody" });
  expect(text).toContain("/run/two");
  expect(text).not.toContain("/run/one");
});

describeCheck(
  "ServerConfiguration",
  serverConfiguration as Any,
  () => ({
    site: "orders",
    server: "db1",
    host: here,
    dataDirectory: join(folder, "configuration"),
    controlDirectory: join(folder, "configuration.pgsite"),
    version: "15",
    binDirectory: "/usr/lib/postgresql/15/bin",
    files: { "postgresql.conf": "port = 5442\n" },
    absent: ["standby.signal"],
    incarnation: 1,
  }),
  () => ({
    site: "other",
    server: "db2",
    host: renumbered,
    dataDirectory: "/elsewhere",
    controlDirectory: "/elsewhere.pgsite",
    version: "16",
    binDirectory: "/elsewhere/bin",
    files: { "postgresql.conf": "port = 5443\n" },
    absent: [],
    incarnation: 2,
  }),
);

describeCheck(
  "Topology",
  topology as Any,
  () => ({
    site: "orders",
    primary: "db1",
    administrator: "postgres",
    administratorPassword: "x",
    servers: {},
    slots: {},
  }),
  () => ({
    site: "other",
    primary: "db2",
    administrator: "admin",
    administratorPassword: "y",
    servers: { db1: { ...here, role: "primary" } },
    slots: { keep: ["one"] },
  }),
);

describeCheck(
  "Rollout",
  rollout as Any,
  () => ({ site: "orders", primary: "db1", administrator: "postgres", administratorPassword: "x", servers: {} }),
  () => ({ site: "other", primary: "db2", administrator: "admin", administratorPassword: "y", servers: {} }),
);

describeCheck(
  "Preflight",
  preflight as Any,
  () => ({ site: "orders", stack: "test", version: "15", locales: ["C"], install: false, servers: [] }),
  () => ({
    site: "other",
    stack: "other",
    version: "16",
    locales: ["C", "POSIX"],
    expectedGrowth: 1,
    install: true,
    byArchive: true,
    servers: [],
  }),
);
