import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type KeyPair, makeAuthority, makeCertificate } from "../../postgres/certificates/make.js";
import { binaries, dataDirectories, RemoteSite, whyNoSite } from "../support/remoteSite.js";

const why = whyNoSite();
const unchanged = /Resources:\n {4}\d+ unchanged\n/;
const control = `${dataDirectories.server2}.pgsite`;
const standbys = ["des10", "server3"];

describe.skipIf(why !== undefined)(
  `replication over TLS between three hosts${why ? ` (${why})` : ""}`,
  { timeout: 120_000 },
  () => {
    let site: RemoteSite;
    let authority: KeyPair;
    const printed: Record<string, string> = {};

    beforeAll(async () => {
      site = await RemoteSite.make({
        changes: [
          [["tls"], { certificates: "made" }],
          [["access"], ["hostssl all all 139.229.14.0/25 md5"]],
          [["settings", "wal_retrieve_retry_interval"], "200ms"],
        ],
      });
      printed.ctio = await site.up("ctio");
      const certificate = (await site.must("ctio", ["stack", "output", "authority"])).trim();
      site.declare("fnal", [["upstream", "authority"], certificate]);
      printed.fnal = await site.up("fnal");
      const state = JSON.parse(await site.must("ctio", ["stack", "export", "--show-secrets"])) as Exported;
      const { outputs } = state.deployment.resources.find(({ type }) => type === "pgsite:index:Authority") ?? {};
      authority = { certificate, key: JSON.parse(outputs?.key.plaintext ?? '""') as string };
    }, 180_000);

    afterAll(() => site?.remove(), 60_000);

    const streams = () =>
      site.query(
        "server2",
        "select string_agg(application_name || ' ' || state || ' ' || ssl, ', ' order by application_name) from pg_stat_replication join pg_stat_ssl using (pid)",
      );
    const all = standbys.map((name) => `${name} streaming true`).join(", ");
    const postmaster = () =>
      site.host("server2").must(["head", "-n", "1", `${dataDirectories.server2}/postmaster.pid`]);
    const logOf = (name: string) => {
      const log = join(
        dataDirectories[name] as string,
        "pg_log",
        `postgresql-${new Date().toISOString().slice(0, 7)}.log`,
      );
      return readFileSync(`/proc/${site.host(name).pid}/root${log}`, "utf8");
    };
    const problemsOf = async (name: string) => {
      const { servers } = JSON.parse((await site.pgsite(["status", "--json"])).stdout) as { servers: Status[] };
      return servers
        .find((server) => server.name === name)
        ?.problems.map(({ message }) => message)
        .join("; ");
    };
    const asPostgres = (script: string, ...words: readonly string[]) => [
      "su",
      "postgres",
      "-c",
      script,
      "--",
      "sh",
      ...words,
    ];
    const onServer2 = async (script: string, input = "") => {
      const { code, stderr } = await site.host("server2").run(asPostgres(script), { input });
      if (code !== 0) throw new Error(stderr);
    };
    /** Process ids of those that stream. */
    const walsenders = "ps -eo pid,args | sed -n 's/^ *\\([0-9]*\\) postgres: .*walsender .* streaming .*/\\1/p'";
    const reload = `${binaries}/pg_ctl reload -D ${dataDirectories.server2}`;

    it("is encrypted for every stream, as pg_stat_ssl says, and verified by every standby", async () => {
      expect(await streams()).toBe(all);
      for (const name of standbys) {
        const file = join(`/proc/${site.host(name).pid}/root${dataDirectories[name]}`, "postgresql.conf");
        expect(readFileSync(file, "utf8")).toMatch(
          new RegExp(
            `primary_conninfo = .*host=${site.host("server2").address} .*sslmode=verify-full sslrootcert=${dataDirectories[name]}.pgsite/authorities.crt`,
          ),
        );
      }
      expect(printed.ctio).toContain("server3 has a base backup of server2");
      expect(printed.fnal).toMatch(/des10 has a base backup of server2: .* by pg_basebackup/);
      for (const stack of ["ctio", "fnal"]) expect(await site.preview(stack, "--expect-no-changes")).toMatch(unchanged);
    });

    it("refuses a plain connection, for replication and for queries", async () => {
      const plain = "sslmode=disable";
      const replication = await site.psql("server3", "server2", "IDENTIFY_SYSTEM", {
        database: `dbname=postgres replication=yes ${plain}`,
      });
      expect(replication.stderr).toMatch(/no pg_hba\.conf entry for replication connection .*no encryption/);
      expect(replication.code).toBe(2);
      const query = await site.psql("inside", "server2", "select 1", { database: `dbname=postgres ${plain}` });
      expect(query.stderr).toMatch(/no pg_hba\.conf entry for host .*no encryption/);
      const encrypted = { database: "dbname=postgres replication=yes sslmode=require" };
      expect((await site.psql("server3", "server2", "IDENTIFY_SYSTEM", encrypted)).code).toBe(0);
    });

    const day = 86_400_000;
    const address = () => site.host("server2").address;
    const faults: readonly [string, () => Promise<KeyPair>, RegExp, string][] = [
      [
        "a certificate of another authority",
        async () => {
          const other = await makeAuthority({ name: "another", validityDays: 10, now: new Date() });
          return make({ authority: other, address: address() });
        },
        /certificate verify failed/,
        "presents a certificate that the declared authority did not sign",
      ],
      [
        "a certificate of another name",
        () => make({ authority, address: "192.0.2.99" }),
        /server certificate for "192\.0\.2\.99".* does not match host name/,
        "presents a certificate of another name than",
      ],
      [
        "a certificate that has expired",
        () => make({ authority, address: address(), now: new Date(Date.now() - 400 * day) }),
        /certificate verify failed/,
        "presents a certificate that has expired",
      ],
    ];

    it.each(faults)(
      "ends at %s: no standby streams, each says why, and so does pgsite",
      async (_what, faulty, log, said) => {
        const { certificate, key } = await faulty();
        await onServer2(`cat >${control}/server.key`, key);
        await onServer2(`cat >${control}/server.crt && ${reload}`, certificate);
        await expectNoStream(log);
        expect(await problemsOf("server2")).toContain(said);
      },
    );

    it("is whole again by an up, which renews the certificate without a restart", async () => {
      const before = await postmaster();
      const shown = await site.preview("ctio");
      expect(shown).toMatch(
        /server2: the certificate is one that ended on [-0-9]+, declared valid until [-0-9]+: reload/,
      );
      await site.up("ctio");
      await expect.poll(streams, { timeout: 15_000 }).toBe(all);
      expect(await postmaster()).toBe(before);
      expect(await site.preview("ctio", "--expect-no-changes")).toMatch(unchanged);
    });

    it("ends at a server that has become plain, which an up undoes", async () => {
      await onServer2(`echo 'ssl = off' >>${dataDirectories.server2}/postgresql.conf && ${reload}`);
      await expectNoStream(/server does not support SSL, but SSL was required/);
      expect(await problemsOf("server2")).toContain("offers no TLS, and nothing is said to it in clear");
      await site.up("ctio");
      await expect.poll(streams, { timeout: 15_000 }).toBe(all);
      expect(await site.preview("ctio", "--expect-no-changes")).toMatch(unchanged);
    });

    it("is verified by what the other stack states, and a stack reference says where that is old", async () => {
      const other = await makeAuthority({ name: "another", validityDays: 10, now: new Date() });
      site.declare(
        "fnal",
        [["upstream", "authority"], other.certificate],
        [["upstream", "stack"], "organization/pgsite/ctio"],
      );
      const result = await site.start("fnal", ["preview"]).finished;
      expect(`${result.stdout}${result.stderr}`).toContain(
        "upstream.authority: is another than organization/pgsite/ctio has now: take what pulumi stack output authority --stack organization/pgsite/ctio prints",
      );
    });

    /** Nobody streams any more once all have had to connect anew, and each standby's log says why. */
    async function expectNoStream(reason: RegExp): Promise<void> {
      const before = standbys.map((name) => logOf(name).length);
      await onServer2(`pids=$(${walsenders}); [ -z "$pids" ] || kill $pids`);
      for (const [index, name] of standbys.entries()) {
        await expect.poll(() => logOf(name).slice(before[index]), { timeout: 15_000 }).toMatch(reason);
      }
      const { stdout } = await site.host("server2").run(asPostgres(walsenders));
      expect(stdout).toBe("");
    }

    function make(more: { authority: KeyPair; address: string; now?: Date }): Promise<KeyPair> {
      return makeCertificate({ name: "server2", validityDays: 365, kind: "ec", now: new Date(), ...more });
    }
  },
);

interface Status {
  readonly name: string;
  readonly problems: readonly { readonly message: string }[];
}

interface Exported {
  readonly deployment: {
    readonly resources: readonly {
      readonly type: string;
      readonly outputs: { readonly key: { readonly plaintext: string } };
    }[];
  };
}
