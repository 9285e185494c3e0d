import { beforeAll, describe, expect, it } from "vitest";
import { resolveStack } from "../../../config/resolve.js";
import { notMade } from "../../../config/site.js";
import { withAuthority } from "../../../config/tls.js";
import { type KeyPair, makeAuthority, makeCertificate } from "../../../postgres/certificates/make.js";

type Stack = Record<string, unknown>;

const now = new Date("2026-11-21T12:00:00Z");
const servers = { db1: { dataDirectory: "/srv/pg" }, db2: { dataDirectory: "/srv/pg" } };
const base: Stack = {
  site: "orders",
  postgresql: "15",
  hosts: { db1: "192.0.2.1", db2: "192.0.2.2", far: "192.0.2.3" },
  primary: "db1",
  servers,
  "password-postgres": "x",
  "password-replicator": "x",
};

function resolve(changes: Stack = {}, complete = false) {
  const entries = Object.entries({ ...base, ...changes }).filter(([, value]) => value !== undefined);
  const raw = entries.map(([key, value]) => [
    `pgsite:${key}`,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  const { stack, problems } = resolveStack("production", Object.fromEntries(raw), { complete, now });
  const said = (wanted: "error" | "warning") =>
    problems.filter(({ severity }) => severity === wanted).map(({ path, message }) => `${path}: ${message}`);
  return {
    site: stack?.site,
    server: (name: string) => stack?.site.servers.find((server) => server.name === name),
    rules: (name: string) =>
      stack?.site.servers
        .find((server) => server.name === name)
        ?.files["pg_hba.conf"]?.split("\n")
        .filter((line) => /^(host|local)/.test(line))
        .map((line) => line.replace(/\s+/g, " ")),
    errors: said("error"),
    warnings: said("warning"),
  };
}

const made = { certificates: "made" };
/** Without TLS that is required, libpq before 16 gives a password to whoever asks. */
const credulous =
  "tls: the libpq of PostgreSQL 15, by which standbys connect, gives its password in clear to whoever listens at a server's address and asks for it: TLS that is required keeps it from that, or PostgreSQL 16 (docs/tls.md)";

describe("a stack with tls", () => {
  it("has ssl on with files beside the data, standbys that verify, and replication over hostssl alone", () => {
    const { server, rules, errors, warnings } = resolve({ tls: made });
    expect([errors, warnings]).toEqual([[], []]);
    expect(server("db1")?.settings).toMatchObject({
      ssl: "on",
      ssl_cert_file: "/srv/pg.pgsite/server.crt",
      ssl_key_file: "/srv/pg.pgsite/server.key",
    });
    expect(server("db2")?.settings.primary_conninfo).toBe(
      "host=192.0.2.1 port=5432 user=replicator passfile=/srv/pg.pgsite/passfile application_name=db2 sslmode=verify-full channel_binding=require sslrootcert=/srv/pg.pgsite/authorities.crt",
    );
    expect(rules("db1")).toEqual([
      "local all postgres peer",
      "host all postgres 127.0.0.1/32 scram-sha-256",
      "hostssl replication replicator 192.0.2.2/32 scram-sha-256",
    ]);
  });

  it("insists on nothing while it is only offered", () => {
    const { server, rules } = resolve({ tls: { ...made, required: false } });
    expect(server("db1")?.settings.ssl).toBe("on");
    expect(server("db2")?.settings.primary_conninfo).not.toContain("ssl");
    expect(rules("db1")?.at(-1)).toBe("host replication replicator 192.0.2.2/32 scram-sha-256");
  });

  it("keeps the files where versions before 9.2 look for them", () => {
    const old = { postgresql: "9.1", authentication: "md5", tls: made };
    const { server, errors } = resolve(old);
    expect(errors).toEqual([]);
    expect(server("db1")?.settings.ssl).toBe("on");
    expect(server("db1")?.settings).not.toHaveProperty("ssl_cert_file");
    expect(server("db1")?.tlsFiles).toEqual({
      certificate: "/srv/pg/server.crt",
      key: "/srv/pg/server.key",
      authorities: "/srv/pg.pgsite/authorities.crt",
    });
  });

  it("warns of the rules that also let in whoever asks for no encryption, and decides ssl itself", () => {
    const access = [
      "host all all 192.0.2.0/24 scram-sha-256",
      "hostssl all all 192.0.2.0/24 scram-sha-256",
      "host all all 0.0.0.0/0 reject",
      "host all all 127.0.0.1/32 scram-sha-256",
    ];
    expect(resolve({ tls: made, access }).warnings).toEqual([
      "access[0]: host also lets in whoever asks for no encryption: make it hostssl",
    ]);
    expect(resolve({ tls: { ...made, required: false }, access }).warnings).toEqual([credulous]);
    expect(resolve({ tls: made, settings: { ssl: false } }).errors.join()).toMatch(/^settings\.ssl: .*tls/);
  });

  it("refuses what does not go together", () => {
    expect(resolve({ tls: { ...made, authority: "x", renewBeforeDays: 400 } }).errors).toEqual([
      "tls.renewBeforeDays: received 400; must be below validityDays: every up would renew",
      "tls.authority: goes with given certificates: the stack that makes them makes an authority too; take it away",
    ]);
    const { errors } = resolve({
      tls: made,
      servers: { ...servers, db1: { ...servers.db1, certificate: "x" } },
      "key-db2": "x",
    });
    expect(errors).toEqual([
      "servers.db1.certificate: goes with tls.certificates: given: declare that, or take the certificate away",
      "key-db2: goes with tls.certificates: given: declare that, or take the key away",
    ]);
  });

  it("says to whoever connects what each of its servers must prove", () => {
    const site = resolve({ tls: made }).site;
    if (site === undefined) throw new Error("no site");
    expect(site.servers[0]?.proof.tls).toEqual({ authority: notMade, required: true });
    const { servers } = withAuthority(site, "PEM");
    expect(servers.map(({ proof }) => proof.tls)).toEqual(servers.map(() => ({ authority: "PEM", required: true })));
  });
});

describe("given certificates", () => {
  let authority: KeyPair;
  let pairs: Readonly<Record<string, KeyPair>>;

  beforeAll(async () => {
    authority = await makeAuthority({ name: "ours", validityDays: 3650, now });
    const make = (name: string, address: string, validityDays: number) =>
      makeCertificate({ authority, name, address, validityDays, kind: "ec", now });
    pairs = { db1: await make("db1", "192.0.2.1", 365), db2: await make("db2", "192.0.2.2", 20) };
  });

  const given = (more: Stack = {}) => ({
    tls: { certificates: "given", authority: authority.certificate },
    servers: {
      db1: { ...servers.db1, certificate: pairs.db1?.certificate },
      db2: { ...servers.db2, certificate: pairs.db2?.certificate },
    },
    "key-db1": pairs.db1?.key,
    "key-db2": pairs.db2?.key,
    ...more,
  });

  it("are taken where they fit, with a warning of one that ends soon", () => {
    const { site, errors, warnings } = resolve(given());
    expect(errors).toEqual([]);
    expect(warnings).toEqual(["servers.db2.certificate: ends on 2026-12-11, in 20 days: have a new one signed"]);
    expect(site?.tls).toEqual({ required: true, authority: authority.certificate });
  });

  it("have every problem said at once, without a word of any key", () => {
    const { errors, warnings } = resolve(
      given({
        "key-db1": pairs.db2?.key,
        "key-db2": undefined,
        "key-far": "x",
        servers: { ...servers, db1: { ...servers.db1, certificate: pairs.db2?.certificate } },
      }),
    );
    expect(errors).toEqual([
      "servers.db1.certificate: does not name 192.0.2.1, the address of db1 (it names DNS:192.0.2.2, DNS:db2, IP Address:192.0.2.2): have it signed with subjectAltName=IP:192.0.2.1",
      "servers.db2.certificate: is missing; give its PEM, or declare tls.certificates: made",
      'key-far: there is no server "far" in this stack',
    ]);
    expect(warnings).toEqual([
      "key-db2: the key of db2's certificate is missing (pulumi config set --secret key-db2 <FILE)",
    ]);
    const swapped = resolve(
      given({ tls: { certificates: "given", authority: pairs.db1?.key }, "key-db1": pairs.db2?.key }),
    );
    expect(swapped.errors).toContain("key-db1: does not fit the certificate: give the key that it was made for");
    expect(swapped.errors).toContain(
      "tls.authority: is no certificate in PEM (-----BEGIN CERTIFICATE-----): give that of the authority, never its key",
    );
    const secret = pairs.db1?.key.split("\n")[1] ?? "";
    expect(secret).toHaveLength(64);
    expect(swapped.errors.join()).not.toContain(secret);
  });

  it("are missing their key only until an up", () => {
    expect(resolve(given({ "key-db1": undefined }), true).errors).toEqual([
      "key-db1: the key of db1's certificate is missing (pulumi config set --secret key-db1 <FILE)",
    ]);
  });

  it("are made where the stack is rehearsed: nobody has the keys there", () => {
    const rehearsal = {
      folder: "/var/tmp/r",
      osUser: "nobody",
      addresses: { db1: "127.0.0.2", db2: "127.0.0.3", far: "127.0.0.4" },
    };
    const { site, server, errors } = resolve({ ...given({ "key-db1": undefined, "key-db2": undefined }), rehearsal });
    expect(errors).toEqual([]);
    expect(site?.tls).toEqual({ required: true });
    expect(server("db1")?.tlsFiles?.key).toBe("/var/tmp/r/db1/srv/pg.pgsite/server.key");
  });
});

describe("a mirror of another stack's server", () => {
  let authority: KeyPair;
  beforeAll(async () => {
    authority = await makeAuthority({ name: "theirs", validityDays: 3650, now });
  });

  const mirror = (upstream: Stack, more: Stack = {}) =>
    resolve({
      primary: undefined,
      upstream: { server: "db1", dataDirectory: "/srv/pg", ...upstream },
      servers: { far: { role: "mirror", dataDirectory: "/srv/pg" } },
      ...more,
    });

  it("verifies it by the authority that its stack file has, whether it offers TLS itself or not", () => {
    const { server, site, errors } = mirror({ authority: authority.certificate });
    expect(errors).toEqual([]);
    expect(server("far")?.settings.primary_conninfo).toMatch(
      / sslmode=verify-full channel_binding=require sslrootcert=\/srv\/pg\.pgsite\/authorities\.crt$/,
    );
    expect(server("far")?.settings).not.toHaveProperty("ssl");
    expect(site?.upstream?.proof.tls).toEqual({ authority: authority.certificate, required: true });
    expect(mirror({ authority: authority.certificate }, { tls: made }).server("far")?.settings.ssl).toBe("on");
  });

  it("insists on nothing in a rehearsal, where its upstream's stack makes another authority", () => {
    const rehearsal = {
      folder: "/var/tmp/r",
      osUser: "nobody",
      addresses: { db1: "127.0.0.2", db2: "127.0.0.3", far: "127.0.0.4" },
    };
    const { server, site, errors } = mirror({ authority: authority.certificate }, { tls: made, rehearsal });
    expect(errors).toEqual([]);
    expect(server("far")?.settings).toMatchObject({ ssl: "on" });
    expect(server("far")?.settings.primary_conninfo).not.toContain("ssl");
    expect(site?.upstream?.proof.tls).toBe("none");
  });

  it("must have it where it has tls itself", () => {
    const missing =
      "upstream.authority: is missing: nothing proves to the servers here that db1 is who answers them; give the PEM that pulumi stack output authority prints in its stack";
    expect(mirror({}, { tls: made }).errors).toEqual([missing]);
    expect(mirror({}, { tls: { ...made, required: false } }).warnings).toEqual([credulous, missing]);
    expect(mirror({}).errors).toEqual([]);
  });
});

describe("the authentication of a stack", () => {
  const method = (changes: Stack) => {
    const { rules, errors } = resolve(changes);
    return { last: rules("db1")?.at(-1)?.split(" ").at(-1), errors };
  };

  it("is scram from 10 on, and md5 there only when declared", () => {
    for (const postgresql of ["10", "14", "18"])
      expect(method({ postgresql })).toEqual({ last: "scram-sha-256", errors: [] });
    expect(method({ authentication: "md5" })).toEqual({ last: "md5", errors: [] });
  });

  it("is md5 before 10, and only when declared", () => {
    const remedy = "pulumi config set pgsite:authentication md5 declares md5, the only one at 9.6";
    expect(method({ postgresql: "9.6", authentication: "md5" })).toEqual({ last: "md5", errors: [] });
    expect(method({ postgresql: "9.6" }).errors).toEqual([
      `authentication: is missing: scram-sha-256, the default, comes with 10; ${remedy}`,
    ]);
    expect(method({ postgresql: "9.6", authentication: "scram-sha-256" }).errors).toContain(
      `authentication: scram-sha-256 comes with 10; ${remedy}`,
    );
  });
});
