import { describe, expect, it } from "vitest";
import { parseStack } from "../../../config/parse.js";

const good = {
  "pgsite:site": "orders",
  "pgsite:postgresql": "15",
  "pgsite:hosts": JSON.stringify({ db1: "192.0.2.1" }),
  "pgsite:primary": "db1",
  "pgsite:servers": JSON.stringify({ db1: { dataDirectory: "/srv/pg" } }),
};

function messages(raw: Record<string, string>): string[] {
  return parseStack(raw).problems.map(({ path, message }) => `${path}: ${message}`);
}

describe("a stack file", () => {
  it("is understood with its defaults filled in", () => {
    const { description, problems } = parseStack(good);
    expect(problems).toEqual([]);
    expect(description).toMatchObject({ port: 5432, osUser: "postgres", administrator: "postgres", mirrors: [] });
  });

  it("takes numbers and flags that Pulumi hands over as text", () => {
    const { description } = parseStack({ ...good, "pgsite:port": "5442", "pgsite:disposable": "true" });
    expect(description).toMatchObject({ port: 5442, disposable: true });
  });

  it("takes a list for a setting that holds one", () => {
    const { description, problems } = parseStack({
      ...good,
      "pgsite:settings": JSON.stringify({ shared_preload_libraries: ["pg_stat_statements", "auto_explain"] }),
    });
    expect(problems).toEqual([]);
    expect(description?.settings).toEqual({ shared_preload_libraries: ["pg_stat_statements", "auto_explain"] });
  });

  it("leaves the keys of other programs alone", () => {
    expect(messages({ ...good, "aws:region": "x" })).toEqual([]);
  });

  it("refuses an unknown key and names the nearest", () => {
    const [message] = messages({ ...good, "pgsite:sevrers": "{}" });
    expect(message).toMatch(/^\(stack file\): unknown: "sevrers" \(did you mean servers\?\); known here: site, /);
  });

  it("refuses an unknown key deep inside, with its path", () => {
    const servers = JSON.stringify({ db1: { dataDirectory: "/srv/pg", dataDir: "/x", rol: "standby" } });
    const [message] = messages({ ...good, "pgsite:servers": servers });
    expect(message).toContain('servers.db1: unknown: "dataDir", "rol" (did you mean role?)');
  });

  it("reports every problem at once, and keeps what is right for the next stage", () => {
    const { description, problems } = parseStack({
      ...good,
      "pgsite:port": "70000",
      "pgsite:authentication": "md6",
      "pgsite:mirrors": JSON.stringify(["Big Host"]),
    });
    expect(problems.map(({ path }) => path)).toEqual(["port", "mirrors[0]", "authentication"]);
    expect(problems[2]?.message).toBe('received "md6"; expected one of "md5"|"scram-sha-256" (did you mean md5?)');
    expect(description).toMatchObject({ port: 5432, site: "orders" });
  });

  it("says what is missing", () => {
    const { "pgsite:site": _, ...rest } = good;
    const { description, problems } = parseStack(rest);
    expect(problems).toEqual([{ path: "site", message: "is missing; expected string", severity: "error" }]);
    // Something stands for it, so that the rest can be judged.
    expect(description).toMatchObject({ site: "stand-in", primary: "db1" });
  });

  it("refuses a version that pgsite does not know, and lists those it does", () => {
    expect(messages({ ...good, "pgsite:postgresql": "8.3" })[0]).toContain(
      'postgresql: received "8.3"; "8.3" is not a version that pgsite knows; allowed: 9.0, 9.1,',
    );
  });

  it("refuses a data directory that is not absolute or climbs", () => {
    for (const path of ["data", "/srv/../etc", "/srv/", "/srv\n/x"]) {
      expect(messages({ ...good, "pgsite:servers": JSON.stringify({ db1: { dataDirectory: path } }) })).toHaveLength(1);
    }
  });

  it("takes what ssh is to be given, and nothing that ssh or a shell could understand otherwise", () => {
    const hosts = (db1: object) => ({ ...good, "pgsite:hosts": JSON.stringify({ db1 }) });
    const reached = { address: "192.0.2.1", ssh: "site-b", login: "admin", become: "sudo" };
    expect(messages(hosts(reached))).toEqual([]);
    const odd = ["-oProxyCommand=x", "two words", "a\nb", "$(id)", "`id`", "a'b", 'a"b', "ü", "a;b", "", "a/b"];
    for (const value of odd) {
      for (const key of ["address", "ssh", "login"]) {
        expect(messages(hosts({ ...reached, [key]: value })), `${key}: ${value}`).toHaveLength(1);
      }
      expect(messages({ ...good, "pgsite:osUser": value }), value).toHaveLength(1);
    }
    expect(messages(hosts({ ...reached, become: "doas" }))).toHaveLength(1);
    expect(messages(hosts({ ...reached, ssh: "admin@db1" }))).toHaveLength(1);
  });

  it("has nothing run as root: refused offline, with path and remedy", () => {
    expect(messages({ ...good, "pgsite:osUser": "root" })).toEqual([
      'osUser: received "root"; PostgreSQL refuses to run as root, and nothing that a stack file names runs as root: take an unprivileged user (postgres)',
    ]);
    const rehearsal = { folder: "/srv/r", osUser: "root", addresses: { db1: "127.0.0.2" } };
    expect(messages({ ...good, "pgsite:rehearsal": JSON.stringify(rehearsal) })).toEqual([
      expect.stringMatching(/^rehearsal\.osUser: .*PostgreSQL refuses to run as root/),
    ]);
  });

  it("refuses keys of SSH for a host that is this machine", () => {
    const db1 = { address: "192.0.2.1", transport: "local", login: "admin" };
    expect(messages({ ...good, "pgsite:hosts": JSON.stringify({ db1 }) })).toEqual([
      'hosts.db1.login: received "admin"; says how to reach a host over SSH, and transport: local says that it is this machine: take one of them away',
    ]);
  });
});
