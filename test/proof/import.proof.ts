import { execFile } from "node:child_process";
import { existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkout } from "../../toolchain/paths.mjs";
import { type MultiHost, multiHost, whyNoHosts } from "../support/multihost.js";
import { PulumiSandbox } from "../support/pulumi.js";

/*
 * Servers as people have them, imported over SSH without a password of anybody's, by the OS user's `peer`: a server alone in the
 * layout of Red Hat's family and of Arch (on trees of the test's own: this machine's programs under their names), in a plain folder,
 * and two clusters of Debian's on one host, a stack for each. Nobody's rules let in the machine that runs pgsite.
 */

const bin = "/usr/lib/postgresql/15/bin";
const why = whyNoHosts() ?? [`${bin}/postgres`, "/usr/bin/pg_createcluster"].filter((path) => !existsSync(path))[0];

const none = "rm -rf /etc/postgresql/* /var/lib/postgresql/15/*; chown postgres: /var/lib/postgresql /etc/postgresql";

/** Where each host has its programs. */
const programs: Readonly<Record<string, string>> = { pgdg: "/usr/pgsql-15/bin", arch: "/usr/bin" };

/** Makes and starts a server by its programs, as postgres; its folder exists. @param programs where they are, with a slash */
const byHand = (programs: string, data: string, more = "") => `
install -d -o postgres -g postgres -m 0700 $(dirname ${data})
su -s /bin/sh postgres -c '${programs}initdb -D ${data} -A peer --auth-host=scram-sha-256 -E UTF8 --locale=C'
printf '%s\\n' "unix_socket_directories = '/var/run/postgresql'" "work_mem = 6MB   # ours" "fsync = off" "shared_buffers = 16MB" ${more} >>${data}/postgresql.conf
su -s /bin/sh postgres -c '${programs}pg_ctl start -w -D ${data} -l /tmp/server.log'`;

const socket = "install -d -o postgres -g postgres -m 2775 /var/run/postgresql";

const pgdg = `mkdir -p /usr/pgsql-15 && mv ${bin} /usr/pgsql-15/bin && mv /usr/lib/postgresql/15/lib /usr/pgsql-15/lib
ln -s /usr/pgsql-15/lib /usr/lib/postgresql/15/lib
${byHand("/usr/pgsql-15/bin/", "/var/lib/pgsql/15/data", `"listen_addresses = '*'"`)}`;

// Debian's programs look for their libraries beside them.
const arch = `cp --remove-destination ${bin}/* /usr/bin/
ln -s /usr/lib/postgresql/15/lib/*.so /usr/lib/
${byHand("/usr/bin/", "/var/lib/postgres/data")}`;

/** It listens on its host's own address alone. */
const plain = byHand(`${bin}/`, "/srv/pg/orders", '"port = 5444" "listen_addresses = \'$(hostname -i)\'"');

const clusters = ["main", "other"]
  .map(
    (name, index) => `pg_createcluster -p ${5432 + index} --locale=C -e UTF8 15 ${name} >/dev/null
echo 'work_mem = 6MB' >/etc/postgresql/15/${name}/conf.d/10-ours.conf
chown postgres: /etc/postgresql/15/${name}/conf.d/10-ours.conf
su -s /bin/sh postgres -c 'pg_ctlcluster 15 ${name} start'`,
  )
  .join("\n");

const rows = [
  { name: "pgdg", prepare: pgdg, data: "/var/lib/pgsql/15/data", port: 5432, says: "pgsite:layout: pgdg" },
  { name: "arch", prepare: arch, data: "/var/lib/postgres/data", port: 5432, says: "pgsite:layout: arch" },
  { name: "plain", prepare: plain, data: "/srv/pg/orders", port: 5444, says: "pgsite:port: 5444" },
  { name: "debian", prepare: clusters, data: "/var/lib/postgresql/15/main", port: 5432, says: "pgsite:layout: debian" },
] as const;
const second = { name: "debian", data: "/var/lib/postgresql/15/other", port: 5433, says: "pgsite:port: 5433" } as const;

describe.skipIf(why !== undefined)(
  `servers alone, imported over SSH${why ? ` (${why})` : ""}`,
  { timeout: 300_000 },
  () => {
    let net: MultiHost;
    let sandbox: PulumiSandbox;

    beforeAll(async () => {
      await promisify(execFile)(process.execPath, [join(checkout, "toolchain", "build.mjs")]);
      [net, sandbox] = await Promise.all([multiHost(rows.map(({ name }) => name)), PulumiSandbox.make()]);
      sandbox.write({ "Pulumi.yaml": readFileSync(join(checkout, "Pulumi.yaml"), "utf8") });
      symlinkSync(join(checkout, "dist"), join(sandbox.program, "dist"));
      net.control.configure("Host *\n  User root\n");
      await Promise.all(
        rows.map(({ name, prepare }) =>
          net.host(name).must(["sh", "-ec", `${none}\n${socket}\n${prepare}`], { seconds: 120 }),
        ),
      );
    }, 300_000);

    afterAll(async () => {
      await sandbox?.remove();
      await net?.close();
    }, 60_000);

    const pulumi = async (...args: readonly string[]) => {
      const { code, stdout, stderr } = await sandbox.start(args, { control: net.control, seconds: 240 }).finished;
      if (code !== 0) throw new Error(`pulumi ${args.join(" ")} ended with status ${code}:\n${stdout}${stderr}`);
      return stdout + stderr;
    };
    const query = async (host: string, port: number, sql: string) => {
      const psql = `exec ${programs[host] ?? bin}/psql -XAtq -h /var/run/postgresql -p ${port} postgres`;
      return (await net.host(host).must(["su", "-s", "/bin/sh", "-c", psql, "postgres"], { input: sql })).trim();
    };

    const cases = [...rows.map((row) => ({ stack: row.name as string, ...row })), { stack: "second", ...second }];
    it.each(cases)(
      "$stack: no difference after the first up, which sets a password, and managed from then on",
      async (row) => {
        const { stack, name, data, port, says } = row;
        const { control } = net;
        const address = net.host(name).address;
        const started = await query(name, port, "select pg_postmaster_start_time()");
        const argv = [process.execPath, join(checkout, "dist", "pgsite.js"), "import", "--adopt", "--stack", stack];
        const {
          code,
          stdout: said,
          stderr,
        } = await control.run([...argv, "--host", `${name}=${address}`, "--data-directory", data], {
          cwd: sandbox.program,
          env: { ...sandbox.env },
          seconds: 60,
        });
        expect(code, stderr).toBe(0);
        expect(said).toContain("postgres has no password yet: choose one, and pulumi up sets it.");
        const file = join(sandbox.program, `Pulumi.${stack}.yaml`);
        const text = readFileSync(file, "utf8");
        expect(text).toContain(says);
        expect(said.includes("the first up writes pg_hba.conf")).toBe(stack === "plain");
        expect(text).not.toContain("sessions:");
        await pulumi("stack", "init", stack);
        await pulumi("config", "set-all", "--stack", stack, "--secret", "pgsite:password-postgres=n3w one");
        await pulumi("up", "--yes", "--skip-preview", "--stack", stack);
        await pulumi("preview", "--diff", "--expect-no-changes", "--stack", stack);
        expect(await query(name, port, "select pg_postmaster_start_time()")).toBe(started);
        expect(await query(name, port, "select left(rolpassword, 5) from pg_authid where rolname = 'postgres'")).toBe(
          "SCRAM",
        );
        writeFileSync(file, readFileSync(file, "utf8").replace(/work_mem: 6MB.*/, "work_mem: 7MB"));
        await pulumi("up", "--yes", "--skip-preview", "--stack", stack);
        await pulumi("preview", "--diff", "--expect-no-changes", "--stack", stack);
        expect(await query(name, port, "show work_mem")).toBe("7MB");
        expect(await query(name, port, "select pg_postmaster_start_time()")).toBe(started);
      },
    );
  },
);
