import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { checkout } from "../../toolchain/paths.mjs";
import { FirstSite, firstCommands } from "../support/firstSite.js";
import { said, whyNoSite } from "../support/remoteSite.js";

const why = whyNoSite();

describe.skipIf(why !== undefined)(`pgsite init${why ? ` (${why})` : ""}`, { timeout: 60_000 }, () => {
  let site: FirstSite;
  const hosts = "--host db1=192.0.2.11 --host db2=192.0.2.12 --primary db1";
  const file = (stack: string) => join(site.sandbox.program, `Pulumi.${stack}.yaml`);
  const config = (stack: string) =>
    (parse(readFileSync(file(stack), "utf8")) as { config: Record<string, unknown> }).config;

  beforeAll(async () => {
    site = await FirstSite.make();
    const [setup = ""] = firstCommands;
    const result = await site.type(setup);
    expect(result.code, said(result)).toBe(0);
  }, 120_000);
  afterAll(() => site?.remove(), 60_000);
  const made: string[] = [];
  afterEach(async () => {
    for (const stack of made.splice(0)) {
      if (existsSync(file(stack))) await site.sandbox.must(["stack", "rm", "--yes", stack]);
    }
  });

  /** What an init prints that must fail, without having written a stack file. */
  async function refused(args: string, options: Parameters<FirstSite["type"]>[1] = {}): Promise<string> {
    const files = () => readdirSync(site.sandbox.program).sort();
    const before = files();
    const result = await site.type(`node dist/pgsite.js init ${args}`, options);
    expect(result.code, said(result)).toBe(1);
    expect(files()).toEqual(before);
    return result.stderr;
  }

  /** What an init prints that must make the stack `a`. */
  async function begun(args: string, options: Parameters<FirstSite["type"]>[1] = {}): Promise<string> {
    made.push("a");
    const result = await site.type(`node dist/pgsite.js init --stack a ${args}`, options);
    expect(result.code, said(result)).toBe(0);
    return said(result);
  }

  it("names at once all flags that are missing, if nobody can be asked", async () => {
    expect(await refused("")).toBe(
      "pgsite: nobody can be asked here, so name them: --stack NAME, --host NAME=ADDRESS (once for each)\n",
    );
    expect(await refused("--stack a --host db1=192.0.2.11 --host db2=192.0.2.12")).toBe(
      "pgsite: nobody can be asked here, so name them: --primary NAME (of the host that takes writes)\n",
    );
  });

  it("says what to do if Pulumi has no back end, or no passphrase", async () => {
    const empty = join(site.sandbox.program, "empty-home");
    mkdirSync(empty);
    const nowhere = { PULUMI_BACKEND_URL: undefined, PULUMI_HOME: empty };
    expect(await refused(`--stack a ${hosts}`, { env: nowhere })).toMatch(
      /^pgsite: Pulumi has nowhere to keep the stack yet: choose a back end, then run this again \(docs\/state\.md\)\n {2}pulumi login /,
    );
    expect(await refused(`--stack a ${hosts}`, { env: { PULUMI_CONFIG_PASSPHRASE: undefined } })).toContain(
      "put it into PULUMI_CONFIG_PASSPHRASE, or its file's path into PULUMI_CONFIG_PASSPHRASE_FILE",
    );
  });

  it("never writes over a stack file that is there", async () => {
    expect(await refused(`--stack ctio ${hosts}`)).toMatch(/Pulumi\.ctio\.yaml is there already: it stays as it is\./);
    expect(readFileSync(file("ctio"), "utf8")).toBe(readFileSync(join(checkout, "Pulumi.ctio.yaml"), "utf8"));
  });

  it("ends with the line of a host that cannot be reached, and goes on without it if it is told to", async () => {
    const { address } = site.net.host("db1");
    const nobody = address.replace(/\d+$/, "250");
    const args = `--host db1=192.0.2.11 --host db2=${nobody} --primary db1`;
    const printed = await refused(`--stack a ${args}`);
    expect(printed).toMatch(
      new RegExp(`db2 cannot be reached: (there is no way to|no answer within 5 s from) ${nobody}`),
    );
    expect(printed).toContain("nothing was written; to go on without what such a host would tell: --allow-unreachable");
    await begun(`${args} --allow-unreachable`);
    expect(config("a")["pgsite:hosts"]).toEqual({ db1: address, db2: nobody });
  });

  it("takes a name that ssh knows, and finds PostgreSQL's address and the way to log in", async () => {
    const { address } = site.net.host("db2");
    site.net.control.configure(`Host site-b\n  HostName ${address}\n`);
    await begun("--host root@192.0.2.11 --host db2=site-b --primary db1");
    expect(config("a")["pgsite:hosts"]).toEqual({
      db1: { address: site.net.host("db1").address, login: "root" },
      db2: { address, ssh: "site-b" },
    });
  });

  it("puts servers where Debian has them, if it is told to, and says otherwise that it could", async () => {
    const printed = await begun(`${hosts} --site orders --layout debian`);
    expect(printed).not.toContain("problem:");
    expect(config("a")).toMatchObject({
      "pgsite:layout": "debian",
      "pgsite:servers": { db1: { dataDirectory: "/var/lib/postgresql/15/orders" } },
    });
    await site.sandbox.must(["stack", "rm", "--yes", "a"]);
    await begun(hosts);
    expect(readFileSync(file("a"), "utf8")).toContain("With the key layout: debian the configuration is in /etc");
  });

  it("has pgsite install what a host lacks, if it is told to", async () => {
    const db2 = site.net.host("db2");
    await db2.must(["mv", "/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/15/away"]);
    const version = "--postgresql 15";
    expect(await begun(`${hosts} ${version}`)).toContain("  problem: db2: ");
    await site.sandbox.must(["stack", "rm", "--yes", "a"]);
    const printed = await begun(`${hosts} ${version} --install`);
    await db2.must(["mv", "/usr/lib/postgresql/15/away", "/usr/lib/postgresql/15/bin"]);
    expect(printed).toContain("db2: Debian GNU/Linux 12 (bookworm), as postgres, no PostgreSQL 15");
    expect(printed).not.toContain("problem:");
    expect(config("a")["pgsite:install"]).toBe("packages");
  });

  it("leaves clusters alone that are there, says so, and takes another port", async () => {
    const db1 = site.net.host("db1");
    await db1.must(["pg_createcluster", "15", "main"]);
    const printed = await begun(hosts);
    expect(printed).toContain(
      `db1: a cluster in /var/lib/postgresql/15/main (stopped, port 5432) is left alone; to describe and manage it: npx pgsite import --host db1=${db1.address} --data-directory /var/lib/postgresql/15/main`,
    );
    expect(config("a")["pgsite:port"]).toBe("5433");
    await db1.must(["pg_dropcluster", "15", "main"]);
  });

  it("says of a login that can be postgres alone what cannot be done then, and leaves it out", async () => {
    await site.net
      .host("db1")
      .must(["sh", "-c", "echo 'guest ALL=(postgres) NOPASSWD: /bin/sh' >/etc/sudoers.d/guest"]);
    const printed = await begun("--host guest@192.0.2.11 --host db2=192.0.2.12 --primary db1");
    expect(printed).toMatch(/ {2}db1: postgresql-db1, .* takes root \(it logs in as guest, and sudo lets it use /);
    expect(config("a")["pgsite:service"]).toEqual({ manager: "none" });
    expect(readFileSync(file("a"), "utf8")).toContain("that takes root, and pgsite cannot become root on db1");
  });

  it("takes passwords from standard input, and gives them to Pulumi without a command line", async () => {
    const bin = join(site.sandbox.program, "bin");
    mkdirSync(bin);
    const log = join(bin, "log");
    const { PATH = "" } = site.environment;
    const pulumi = PATH.split(":").find((folder) => existsSync(join(folder, "pulumi")));
    const spy = `#!/bin/sh\nprintf '%s\\n' "$*" >>'${log}'\nexec '${pulumi}/pulumi' "$@"\n`;
    writeFileSync(join(bin, "pulumi"), spy, { mode: 0o755 });
    const first = "a first; 'password\" $x";
    await begun(`${hosts} --passwords stdin`, { input: `${first}\nanother\n`, env: { PATH: `${bin}:${PATH}` } });
    const typed = readFileSync(log, "utf8");
    expect(typed).toContain("config set --secret password-postgres --stack a");
    expect(typed).not.toMatch(/first|another/);
    const get = (key: string) => site.sandbox.must(["config", "get", key, "--stack", "a"]);
    expect((await get("password-postgres")).stdout).toBe(`${first}\n`);
    expect((await get("password-replicator")).stdout).toBe("another\n");
    rmSync(bin, { recursive: true });
    expect(await refused("--stack b --passwords stdin --host db1=192.0.2.11", { input: "one\n" })).toContain(
      "standard input has 2 lines, password-postgres, then password-replicator",
    );
  });

  it("asks at a terminal, question by question, with secrets unseen", async () => {
    made.push("a");
    const answers: [string, string][] = [
      ["What is the stack called", "a\r"],
      ["What is the site called", "orders\r"],
      ["The first host", "db1=192.0.2.11\r"],
      ["The next host", "db2=192.0.2.12\r"],
      ["The next host", "\r"],
      ["Which of them takes writes", "\x1b[B\r"],
      ["a passphrase that encrypts", "a test's passphrase\r"],
      ["once more", "a test's passphrase\r"],
      ["Where do the servers have their parts", "\x1b[B\r"],
      ["The passwords of the administrator", "\x1b[B\r"],
      ["password-postgres", "hunter-one\r"],
      ["once more", "hunter-one\r"],
      ["password-replicator", "hunter-two\r"],
      ["once more", "hunter-two\r"],
    ];
    const env = { PULUMI_CONFIG_PASSPHRASE: undefined };
    const shown = await site.converse("node dist/pgsite.js init", answers, { env });
    expect(shown).not.toMatch(/hunter|a test's/);
    expect(shown).toContain("export PULUMI_CONFIG_PASSPHRASE_FILE=FILE");
    expect(config("a")).toMatchObject({
      "pgsite:site": "orders",
      "pgsite:primary": "db2",
      "pgsite:layout": "debian",
    });
    const got = await site.sandbox.must(["config", "get", "password-replicator", "--stack", "a"]);
    expect(got.stdout).toBe("hunter-two\n");
  });
});
