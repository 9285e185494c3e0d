import {
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server as Listener } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import type { StackPreflight } from "../../cli/commands/preflight.js";
import { hostOf } from "../../hosts/index.js";
import { osUser } from "../../hosts/users.js";
import { preflight } from "../../preflight/index.js";
import type { PreflightRequest, ServerRequest } from "../../preflight/request.js";
import { build } from "../../toolchain/build.mjs";
import { checkout } from "../../toolchain/paths.mjs";
import { Cluster } from "../support/cluster.js";
import { serverUser } from "../support/localSite.js";
import { programsOf } from "../support/programs.js";
import { PulumiSandbox } from "../support/pulumi.js";

const isRoot = userInfo().uid === 0;
const port = 5442;
let place: string;
let user: string;
/** Server programs of the declared version, and of another. */
let right: string;
let wrong: string;
let listener: Listener;

beforeAll(async () => {
  [user, right, wrong] = await Promise.all([serverUser(), programsOf("15"), programsOf("16")]);
  place = mkdtempSync("/var/tmp/pgsite-preflight-");
  await give(place);
  listener = createServer();
  await new Promise<void>((resolve) => listener.listen(port, "127.0.66.2", resolve));
}, 120_000);

afterAll(() => {
  listener?.close();
  rmSync(place, { recursive: true, force: true });
});

/** Makes a folder of the servers' OS user, open to pass through. */
async function give(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const owner = await osUser(user).catch(() => undefined);
  if (isRoot && owner !== undefined) chownSync(folder, owner.uid, owner.gid);
  await execa("chmod", ["0755", folder]);
}

function server(name: string, last: number, more: Partial<ServerRequest> = {}): ServerRequest {
  const dataDirectory = more.dataDirectory ?? join(place, name, "data");
  return {
    name,
    host: { name: `host-${name}`, transport: "local", address: "", user },
    address: `127.0.66.${last}`,
    port,
    binDirectory: right,
    settings: { listen_addresses: `127.0.66.${last}` },
    disposable: false,
    ...more,
    dataDirectory,
    controlDirectory: `${dataDirectory}.pgsite`,
  };
}

function request(servers: readonly ServerRequest[], more: Partial<PreflightRequest> = {}): PreflightRequest {
  return { site: "orders", stack: "test", version: "15", locales: ["C"], install: false, servers, ...more };
}

async function told(asked: PreflightRequest): Promise<readonly string[]> {
  const { findings } = await preflight(asked, { hostOf });
  return findings.map(({ severity, message }) => `${severity}: ${message}`);
}

describe("a preflight of this machine", { timeout: 60_000 }, () => {
  it("finds nothing wrong where nothing is, with one program on a host", async () => {
    const before = readdirSync(place);
    expect(await told(request([server("db1", 3), server("db2", 4)]))).toEqual([]);
    expect(readdirSync(place)).toEqual(before);
  });

  it.skipIf(!isRoot)("says eight problems on three hosts in one run, and changes nothing", async () => {
    const closed = join(place, "closed");
    mkdirSync(closed);
    const foreign = join(place, "foreign");
    await give(foreign);
    writeFileSync(join(foreign, "notes.txt"), "mine");
    const small = join(place, "small");
    mkdirSync(small);
    await execa("mount", ["-t", "tmpfs", "-o", "size=4m,mode=777", "tmpfs", small]);
    try {
      const db1 = { name: "host-one", transport: "local", address: "", user } as const;
      const db2 = { ...db1, name: "host-two" } as const;
      const lines = await told(
        request(
          [
            server("taken", 2, { host: db1, binDirectory: wrong }),
            server("small", 3, { host: db1, dataDirectory: join(small, "data") }),
            server("closed", 4, { host: db2, dataDirectory: join(closed, "data") }),
            server("foreign", 5, { host: db2, dataDirectory: foreign, settings: { shared_buffers: "1TB" } }),
            server("nobody", 6, {
              host: { ...db1, name: "host-three", user: "pgsite-nobody" },
              binDirectory: join(place, "nowhere"),
            }),
          ],
          { expectedGrowth: 5_000_000, locales: ["C", "tlh_KX.UTF-8"] },
        ),
      );
      expect(lines).toEqual([
        expect.stringMatching(/^error: host-one: the locale tlh_KX.UTF-8 is not there: .*declare one of: C, /),
        expect.stringMatching(
          /^error: taken on host-one: .*\/postgres is PostgreSQL 16\.\d+, and 15 is declared: correct binaries or postgresql, or install postgresql-15$/,
        ),
        "error: taken on host-one: port 5442 is taken by a process of root on 127.0.66.2: stop it, or declare another port for taken",
        `warning: small on host-one: ${small}/data lies on memory (tmpfs): a reboot empties it: choose a dataDirectory on a local disk`,
        `error: small on host-one: ${small}/data has 4.19 MB free, and 5 MB are needed (5 MB for the expected growth): make room, or move dataDirectory to a larger disk`,
        expect.stringMatching(/^error: host-two: the locale tlh_KX.UTF-8 is not there: /),
        `error: closed on host-two: ${user} cannot make ${closed}/data and ${closed}/data.pgsite (${closed} belongs to root, and root makes nothing where others may write: /var/tmp): install -d -o ${user} -m 0700 ${closed}/data ${closed}/data.pgsite`,
        `error: foreign on host-two: ${foreign} on host-two, the data directory of foreign, is not empty and was not made by pgsite for this server: it is left untouched. Move it away, or declare another dataDirectory`,
        expect.stringMatching(/^error: foreign on host-two: shared_buffers takes 1\.1 TB, and of /),
        "error: host-three: there is no OS user pgsite-nobody: make it (useradd --system --create-home --shell /bin/sh pgsite-nobody), or name another as osUser",
        expect.stringMatching(/^error: host-three: the locale tlh_KX.UTF-8 is not there: /),
        expect.stringMatching(/^error: nobody on host-three: there is no PostgreSQL 15 in .*\/nowhere: /),
      ]);
      expect(readdirSync(foreign)).toEqual(["notes.txt"]);
      expect(readdirSync(closed)).toEqual([]);
    } finally {
      await execa("umount", [small]);
    }
  });

  it("takes paths of any spelling as they are, and runs nothing that they hold", async () => {
    const odd = join(place, `it's "odd" $(touch ${place}/ran) \`touch ${place}/ran\` -n ü`);
    await give(odd);
    expect(await told(request([server("db1", 3, { dataDirectory: join(odd, "data") })]))).toEqual([]);
    await give(join(odd, "data"));
    writeFileSync(join(odd, "data", "there"), "");
    expect(await told(request([server("db1", 3, { dataDirectory: join(odd, "data") })]))).toEqual([
      expect.stringContaining(`${odd}/data on host-db1, the data directory of db1, is not empty`),
    ]);
    expect(readdirSync(place)).not.toContain("ran");
  });

  it("leaves alone what runs there, and reckons its size for those that follow it", async () => {
    const cluster = await Cluster.describe({
      major: "15",
      first: 230,
      servers: [{ name: "server2", role: "primary" }],
    });
    try {
      await cluster.seed("server2");
      await cluster.start("server2");
      const { site } = cluster;
      const [server2] = site.servers;
      const running = { ...(server2 as ServerRequest), settings: { listen_addresses: server2?.address ?? "" } };
      const { findings, observations } = await preflight(request([running]), { hostOf });
      expect(findings).toEqual([]);
      const [seen] = observations;
      const facts = seen !== undefined && "facts" in seen ? seen.facts.servers.server2 : undefined;
      expect(facts?.postmaster).toBeGreaterThan(1);
      expect(facts?.size).toBeGreaterThan(20_000_000);
      const other = {
        ...running,
        name: "other",
        dataDirectory: join(place, "o"),
        controlDirectory: join(place, "o.p"),
      };
      expect(await told(request([other]))).toEqual([
        `error: other on server2: port 5442 is taken by postgres (process ${facts?.postmaster} of ${user}) on ${running.address} (data directory ${running.dataDirectory}, which is server2 of the site ${site.name}): stop it, or declare another port for other`,
      ]);
    } finally {
      await cluster.close();
    }
  });
});

describe.skipIf(!isRoot)("programs of a stack file that somebody wrote to have them run", { timeout: 60_000 }, () => {
  let folder: string;
  let ran: string;

  /** Programs that leave a trace of who ran them, and answer as the real ones do. */
  async function evil(bin: string): Promise<string> {
    mkdirSync(bin, { recursive: true });
    for (const program of ["postgres", "initdb", "pg_ctl"]) {
      writeFileSync(join(bin, program), `#!/bin/sh\nid -un >>${ran}\necho "postgres (PostgreSQL) 15.8"\n`);
      await execa("chmod", ["0755", join(bin, program)]);
    }
    return bin;
  }
  const traces = () => (existsSync(ran) ? readFileSync(ran, "utf8") : "");

  beforeAll(async () => {
    // As safe a place as a host has.
    folder = mkdtempSync("/var/lib/pgsite-test-");
    await execa("chmod", ["0755", folder]);
    ran = join(place, "traces");
    writeFileSync(ran, "");
    await execa("chmod", ["0666", ran]);
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("are not run, neither as the OS user nor as root where there is no such user", async () => {
    const binDirectory = await evil(join(folder, "bin"));
    expect(await told(request([server("db1", 3, { binDirectory })]))).toEqual([]);
    const nobody = { name: "host-two", transport: "local", address: "", user: "pgsite-nobody" } as const;
    expect(await told(request([server("db2", 4, { binDirectory, host: nobody })]))).toEqual([
      expect.stringContaining("there is no OS user pgsite-nobody"),
    ]);
    expect(traces()).toBe("");
  });

  it("are run by an up, as the OS user, where only root or that user can have put them", async () => {
    const run = async (binDirectory: string) => {
      const { findings } = await preflight(request([server("db1", 3, { binDirectory })]), { hostOf, run: true });
      return findings.map(({ message }) => message);
    };
    expect(await run(join(folder, "bin"))).toEqual([]);
    expect(traces()).toBe(`${user}\n`);
    writeFileSync(ran, "");
    // Below /var/tmp; a link of a stranger's to what is safe; a safe link to what is a stranger's.
    expect(await run(await evil(join(place, "bin")))).toEqual([
      expect.stringContaining("everyone may write /var/tmp,"),
    ]);
    const theirs = await evil(join(folder, "theirs"));
    chownSync(theirs, 12345, 12345);
    symlinkSync(theirs, join(folder, "link"));
    const belongs = expect.stringMatching(/theirs belongs to \S+, who decides by it what runs as /);
    expect(await run(join(folder, "link"))).toEqual([belongs]);
    symlinkSync("bin", join(folder, "astray"));
    lchownSync(join(folder, "astray"), 12345, 12345);
    expect(await run(join(folder, "astray"))).toEqual([expect.stringMatching(/astray belongs to /)]);
    expect(traces()).toBe("");
  });
});

describe("a stack whose hosts are not fit", { timeout: 120_000 }, () => {
  let sandbox: PulumiSandbox;

  beforeAll(async () => {
    await build();
    sandbox = await PulumiSandbox.make();
    sandbox.write({ "Pulumi.yaml": readFileSync(join(checkout, "Pulumi.yaml"), "utf8") });
    symlinkSync(join(checkout, "dist"), join(sandbox.program, "dist"));
    const host = (last: number) => ({ address: `127.0.66.${last}`, transport: "local" });
    const config = {
      site: "orders",
      postgresql: "15",
      binaries: wrong,
      osUser: user,
      port,
      hosts: { db1: host(2), db2: host(3) },
      primary: "db1",
      servers: Object.fromEntries(
        ["db1", "db2"].map((name, index) => [
          name,
          { dataDirectory: join(place, name), settings: { listen_addresses: `127.0.66.${index + 2}` } },
        ]),
      ),
      expectedGrowth: { years: 2000, perDay: "1TB" },
    };
    const entries = Object.entries(config).map(([key, value]) => [`pgsite:${key}`, value]);
    sandbox.write({ "Pulumi.unfit.yaml": stringify({ config: Object.fromEntries(entries) }) });
    await sandbox.must(["stack", "init", "unfit"]);
  }, 120_000);

  afterAll(() => sandbox?.remove(), 60_000);

  it("is refused by a preview, with all that is wrong on all hosts, and nothing is made", async () => {
    const { code, stdout } = await sandbox.run(["preview", "--stack", "unfit"]);
    expect(code).not.toBe(0);
    for (const line of [
      "db1: port 5442 is taken by ",
      // Once for both.
      `db1 and db2: ${wrong}/postgres is PostgreSQL 16`,
      "for the expected growth of db1 and db2",
    ]) {
      expect(stdout).toContain(line);
    }
    expect(readdirSync(place)).not.toContain("db1");
  });

  it.skipIf(!isRoot)("is refused where its OS user is root, under that name or another", async () => {
    const declared = readFileSync(join(sandbox.program, "Pulumi.unfit.yaml"), "utf8");
    try {
      sandbox.write({ "Pulumi.unfit.yaml": declared.replace(/^( *"?pgsite:osUser"?:).*$/m, "$1 root") });
      const asRoot = await sandbox.run(["preview", "--stack", "unfit"]);
      expect(asRoot.stdout).toMatch(/osUser: .*PostgreSQL refuses to run as root, and nothing that a stack file names/);
      expect(asRoot.code).not.toBe(0);
      sandbox.write({ "Pulumi.unfit.yaml": declared.replace(/^( *"?pgsite:osUser"?:).*$/m, "$1 toor") });
      // In a namespace in which root has a second name, and the first in the file.
      const passwd = join(place, "passwd");
      writeFileSync(passwd, `toor:x:0:0::/root:/bin/sh\n${readFileSync("/etc/passwd", "utf8")}`);
      const there = 'mount --bind "$0" /etc/passwd && exec "$@"';
      const control = {
        argv: (argv: readonly string[]) => ["unshare", "-m", "--", "sh", "-c", there, passwd, ...argv],
        bin: "/usr/bin",
        env: {},
      };
      const asToor = await sandbox.run(["preview", "--stack", "unfit"], { control });
      expect(asToor.stdout).toContain("this machine's toor is root by another name (uid 0), as which no server runs");
      expect(asToor.code).not.toBe(0);
      expect(readdirSync(place)).not.toContain("db1");
    } finally {
      sandbox.write({ "Pulumi.unfit.yaml": declared });
    }
  });

  it("is told by pgsite preflight, with exit code 2", async () => {
    const run = (...more: string[]) =>
      execa(process.execPath, [join(checkout, "dist/pgsite.js"), "preflight", ...more], {
        cwd: sandbox.program,
        env: sandbox.env,
        extendEnv: false,
        reject: false,
      });
    const shown = await run();
    expect(shown.exitCode).toBe(2);
    expect(shown.stdout).toMatch(/^unfit: 3 problems\n {2}db1: .*, as .*, clock [+-]\d/);
    expect(shown.stdout).toContain(`  problem: db1 and db2: ${wrong}/postgres is PostgreSQL 16`);
    const { stacks } = JSON.parse((await run("--json")).stdout) as { stacks: StackPreflight[] };
    expect(stacks[0]?.outcome).toBe("problems");
    expect(stacks[0]?.findings.map(({ check, host, server }) => [check, host, server])).toEqual([
      ["programs", "db1", "db1"],
      ["port", "db1", "db1"],
      ["programs", "db2", "db2"],
      ["space", "db2", "db2"],
    ]);
  });
});
