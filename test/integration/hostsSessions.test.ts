import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { HostSpec } from "../../hosts/host.js";
import { closeSessions } from "../../hosts/shell/sessions.js";
import { type Address, openSession, type SessionOptions, SqlUnreachable } from "../../servers/sql/session.js";
import { acting, forgetRefresh } from "../../servers/status/refresh.js";
import { enter, leave } from "../support/here.js";
import { type MultiHost, multiHost, whyNoHosts } from "../support/multihost.js";
import { programsOf } from "../support/programs.js";

const bin = "/usr/lib/postgresql/15/bin";
const why = whyNoHosts([`${bin}/postgres`, "/usr/bin/perl"]);
const data = "/var/lib/postgresql/sessions";
const password = "the pass phrase";

const rules = {
  declared: "local all postgres peer\nhost all all 127.0.0.1/32 scram-sha-256\n",
  ownerAlone: "local all postgres peer\n",
  rejecting: "local all postgres peer\nhost all all all reject\n",
};

describe.skipIf(why !== undefined)("a session with a server on a host that lets in SSH alone", () => {
  let net: MultiHost;
  const host = () => net.host("db1");
  const sh = (script: string) => host().must(["sh", "-c", script]);
  const asOwner = (script: string) => host().must(["su", "-s", "/bin/sh", "-c", script, "postgres"]);

  const at = (how: Partial<HostSpec> = {}, port = 5432): Address => {
    const { address } = host();
    const spec: HostSpec = { name: "db1", transport: "ssh", address, user: "postgres", ...how };
    return {
      name: "db1",
      address,
      port,
      host: spec,
      dataDirectory: data,
      proof: { tls: "none", asks: ["scram-sha-256"] },
    };
  };

  /** How a session came about and who it is, or why there is none. */
  const meet = async (
    address: Address,
    login: { user?: string; password?: string } = {},
    options: SessionOptions = {},
  ) => {
    try {
      const session = await openSession(
        address,
        { user: "postgres", password, ...login },
        { timeout: 2000, ...options },
      );
      const [row] = await session.query("select current_user::text as who, host(inet_client_addr()) as from");
      await session.end();
      const { by, at: place, barred } = session.way;
      return { by, at: place, who: row?.who, from: row?.from, barred: barred.map((one) => `${one.by} ${one.kind}`) };
    } catch (error) {
      if (!(error instanceof SqlUnreachable)) throw error;
      return `${error.kind}: ${error.message}`;
    }
  };

  const serve = async (hba: string, settings = "listen_addresses = '*'", [programs, place] = [bin, data]) => {
    await asOwner(
      `printf '%s' "${hba}" >${place}/pg_hba.conf; printf "port = 5432\n${settings}\n" >${place}/postgresql.auto.conf`,
    );
    await asOwner(`${programs}/pg_ctl -D ${place} -l ${place}/log -w start`);
  };
  const stop = () => asOwner(`${bin}/pg_ctl -D ${data} -m fast -w stop || true`);
  const sshd = (line: string) =>
    sh(
      `sed -i '/^Allow/d' /etc/pgsite-test/sshd_config; echo '${line}' >>/etc/pgsite-test/sshd_config; pid=$(pgrep -o -f "sshd: /usr/sbin/sshd") && kill "$pid"; sleep 0.2; /usr/sbin/sshd -f /etc/pgsite-test/sshd_config -E /var/log/sshd.log`,
    );

  beforeAll(async () => {
    net = await multiHost(["db1"]);
    enter(net.control.env);
    await asOwner(
      `printf '%s' '${password}' >/tmp/pw; ${bin}/initdb -D ${data} -U postgres --pwfile=/tmp/pw -A scram-sha-256 >/dev/null`,
    );
  }, 60_000);
  afterEach(stop, 30_000);
  beforeEach(() => closeSessions());
  afterAll(async () => {
    await leave();
    await net?.close();
  }, 60_000);

  const loopback = { by: "forwarded", at: "127.0.0.1:5432", who: "postgres", from: "127.0.0.1", barred: [] };
  const socket = { by: "owner", at: "/var/run/postgresql/.s.PGSQL.5432", who: "postgres", from: null };

  it("comes through SSH, whoever logs in", async () => {
    await serve(rules.declared);
    for (const login of ["root", "postgres", "admin"]) expect(await meet(at({ login }))).toEqual(loopback);
  }, 30_000);

  it("goes where the server listens, whatever is declared", async () => {
    await serve(rules.declared);
    expect(await meet(at({}, 5999))).toEqual(loopback);
    await stop();
    await serve(rules.declared, "listen_addresses = ''");
    expect(await meet(at())).toEqual({ ...socket, barred: [] });
  }, 30_000);

  it("is the OS user's where the login is not let in, and says why", async () => {
    await serve(rules.ownerAlone);
    expect(await meet(at())).toEqual({ ...socket, barred: ["forwarded noRule"] });
    expect(await meet(at(), { user: "nobody" })).toMatch(
      /^noRule: db1 \(127\.0\.0\.1:5432 on db1\) does not let nobody in: /,
    );
    await stop();
    await serve(rules.rejecting);
    expect(await meet(at())).toEqual({ ...socket, barred: ["forwarded noRule"] });
    await stop();
    await serve(rules.declared);
    expect(await meet(at(), { password: "another" })).toEqual({ ...socket, barred: ["forwarded password"] });
    expect(await meet(at(), { user: "nobody" })).toMatch(/^password: /);
  }, 30_000);

  it("comes by perl on the host where sshd forwards nothing; without one, both causes are said", async () => {
    await sshd("AllowTcpForwarding no");
    await serve(rules.declared);
    try {
      const piped = { ...loopback, by: "piped", barred: ["forwarded silent"] };
      expect([await meet(at()), await meet(at())]).toEqual([piped, piped]);
      await sh("mv /usr/bin/perl /usr/bin/perl.away");
      expect(await meet(at())).toMatch(
        /^silent: .*the host has no perl, and its sshd lets nobody forward: .*sessions: direct/,
      );
    } finally {
      await sh("mv /usr/bin/perl.away /usr/bin/perl 2>/dev/null || true");
      await sshd("");
    }
  }, 30_000);

  describe("where what the server runs at each login is in the way", () => {
    const trigger = (body: string) =>
      `create or replace function atLogin() returns event_trigger language plpgsql as $$ begin ${body}; end $$`;
    const missing = "listen_addresses = '*'\nsession_preload_libraries = 'nowhere'";

    it("is a superuser's without that, and says so; nobody else has one", async () => {
      await serve(rules.declared, missing);
      expect(await meet(at())).toEqual({ ...loopback, barred: ["forwarded other"] });
      expect(await meet(at(), { password: "another" })).toEqual({
        ...socket,
        barred: ["forwarded password", "owner other"],
      });
      const session = await openSession(at(), { user: "postgres", password });
      await session.query("create role somebody login password 'the pass phrase'");
      await session.end();
      expect(await meet(at(), { user: "somebody" })).toMatch(/^other: .*nowhere/);
    }, 30_000);

    it("is remembered for the questions of one refresh, and forgotten by an act", async () => {
      await serve(rules.declared, missing);
      const ask = () => meet(at(), {}, { reading: true });
      const said = { ...loopback, barred: ["forwarded other"] };
      const refused = () => sh(`grep -c 'could not access file "nowhere"' ${data}/log || true`).then(Number);
      const before = await refused();
      forgetRefresh();
      expect([await ask(), await ask()]).toEqual([said, said]);
      expect(await refused()).toBe(before + 1);
      await acting(async () => undefined);
      expect(await ask()).toEqual(said);
      expect(await refused()).toBe(before + 2);
    }, 30_000);

    it("is a superuser's past a trigger that fails, or does not end", async () => {
      const newer = [await programsOf("18"), "/var/lib/postgresql/newer"] as const;
      const [programs, place] = newer;
      const there = { ...at(), dataDirectory: place };
      await asOwner(`${programs}/initdb -D ${place} -U postgres --pwfile=/tmp/pw -A scram-sha-256 >/dev/null`);
      await serve(rules.declared, undefined, [...newer]);
      try {
        const session = await openSession(there, { user: "postgres", password });
        await session.query(trigger("perform pg_sleep(60)"));
        await session.query("create event trigger atLogin on login execute function atLogin()");
        expect(await meet(there)).toEqual({ ...loopback, barred: ["forwarded timeout"] });
        await session.query(trigger("raise exception division_by_zero"));
        expect(await meet(there)).toEqual({ ...loopback, barred: ["forwarded other"] });
        await session.end();
      } finally {
        await asOwner(`${programs}/pg_ctl -D ${place} -m immediate -w stop`);
      }
    }, 60_000);
  });

  describe("where somebody else of the host listens", () => {
    /** Answers a startup with a request for the password in clear, or lets in; notes what it was told. */
    const listen = (where: string, answer: string) =>
      host().must([
        "su",
        "-s",
        "/bin/sh",
        "-c",
        `nohup perl -e '${impostor}' ${where} ${answer} >/tmp/told-${answer} 2>&1 & sleep 0.5`,
        "guest",
      ]);
    const impostor = `use Socket; my ($at, $answer) = @ARGV; my $s;
if ($at =~ m{^/}) { socket($s, PF_UNIX, SOCK_STREAM, 0); bind($s, sockaddr_un($at)) or die $! }
else { socket($s, PF_INET, SOCK_STREAM, 0); setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1); bind($s, sockaddr_in($at, INADDR_ANY)) or die $! }
listen($s, 5); $| = 1; open my $told, ">", "/tmp/impostor-$answer"; select((select($told), $| = 1)[0]); print $told "listening\\n";
while (accept(my $c, $s)) { sysread $c, my $b, 9999; print $told "asked\\n";
syswrite $c, $answer eq "clear" ? pack("aNN", "R", 8, 3) : pack("aNN", "R", 8, 0) . pack("aNa", "Z", 5, "I");
while (sysread $c, $b, 9999) { print $told "told:$b\\n" } }`;
    const told = (answer: string) => sh(`cat /tmp/impostor-${answer}`);

    it.each(["clear", "trusting"])(
      "at its port while it is down: gets no password, and is not believed (%s)",
      async (answer) => {
        await listen("5432", answer);
        try {
          expect(await meet(at())).toMatch(/^unproven: /);
          expect(await told(answer)).toBe("listening\nasked\n");
        } finally {
          await sh("for pid in $(pgrep -u guest perl); do kill $pid; done");
        }
      },
      30_000,
    );

    it("at the path of its socket: is not spoken to", async () => {
      await asOwner("chmod 1777 /var/run/postgresql");
      await serve(rules.ownerAlone);
      await sh("rm /var/run/postgresql/.s.PGSQL.5432");
      await listen("/var/run/postgresql/.s.PGSQL.5432", "trusting");
      try {
        expect(await meet(at())).toMatch(/^noRule: /);
        expect(await told("trusting")).toBe("listening\n");
      } finally {
        await sh("for pid in $(pgrep -u guest perl); do kill $pid; done; rm -f /var/run/postgresql/.s.PGSQL.5432");
      }
    }, 30_000);
  });
});
