import { describe, expect, it } from "vitest";
import type { KnownServer } from "../../../config/site.js";
import { SqlUnreachable } from "../../../servers/sql/session.js";
import type { Observation, SqlAnswer } from "../../../servers/status/observation.js";
import { comparedBy, type Finding, reportOf, rowsOf } from "../../../servers/status/report.js";
import { proof } from "../../support/proof.js";

const server = (name: string, more: Partial<KnownServer> = {}): KnownServer => ({
  name,
  role: "standby",
  upstream: "server2",
  host: { name, transport: "local", address: "127.0.0.2", user: "postgres" },
  address: "127.0.0.2",
  port: 5442,
  dataDirectory: `/data/${name}`,
  controlDirectory: `/data/${name}.pgsite`,
  passfile: `/data/${name}.pgsite/passfile`,
  binDirectory: "/bin",
  version: "15",
  hotStandby: true,
  settings: {},
  proof: proof(),
  ...more,
});
const { upstream: _upstream, ...primary } = server("server2", { role: "primary" });

type Told = Partial<Omit<Observation, "server" | "sql">> & { readonly sql?: Omit<SqlAnswer, "endpoint"> };

const seen = (of: KnownServer, { sql = {}, ...told }: Told = {}): Observation => ({
  server: of,
  data: { kind: "ours", systemIdentifier: "7", version: "15", backupLabel: false },
  process: { kind: "running", pid: 1 },
  titles: {},
  ...told,
  sql: { endpoint: of, ...sql },
});
const writing = {
  inRecovery: false,
  version: "15.18",
  timeline: 1,
  lsn: "0/2000",
  senders: [{ name: "server3", state: "streaming", replay: "0/1800", lag: 0.25 }],
  slots: [{ name: "left_over", kind: "physical", active: false }],
} as const;
const recovering = { inRecovery: true, version: "15.18", timeline: 1, lsn: "0/1700" } as const;

function report(...servers: readonly Observation[]) {
  return reportOf({ primary: "server2" }, { servers, answers: servers.map(({ sql }) => sql) });
}

const superseded = { by: "server3", at: "10.0.0.3:5442", timeline: 2, own: 1, rejoin: "/runbook/rejoin" };

describe("a report", () => {
  it("has servers, streams and slots, and says nothing where all is well", () => {
    const told = report(seen(primary, { sql: writing }), seen(server("server3"), { sql: recovering }));
    expect(told).toMatchObject({
      servers: [
        { name: "server2", state: "read-write", upstream: null, walSenders: ["server3"], lagBytes: null },
        { name: "server3", state: "in recovery, read-only", upstream: "server2", lagBytes: 2048, lagSeconds: 0.25 },
      ],
      problems: [],
      differences: [],
      plan: { steps: [], refusals: [] },
    });
    expect(told.streams).toEqual([{ server: "server3", from: "server2", lagBytes: 2048, lagSeconds: 0.25 }]);
    expect(told.slots).toEqual([{ server: "server2", name: "left_over", kind: "physical", active: false }]);
  });

  it("is the same after a way as JSON", () => {
    const unreachable = new SqlUnreachable("server2", "refused", "server2 refuses connections", { cause: new Error() });
    const hostProblem = { code: "hostUnreachable", host: "db1", because: "no route" } as const;
    const { data: _data, process: _process, ...dark } = seen(server("des10"), { hostProblem, sql: { unreachable } });
    const told = report(
      seen(primary, { process: { kind: "stopped" }, superseded, sql: { unreachable } }),
      seen(server("server3"), { sql: { ...recovering, receives: false } }),
      dark,
    );
    expect(JSON.parse(JSON.stringify(told))).toEqual(told);
    expect(told.problems).toEqual([
      { server: "server2", code: "startRefused", ...superseded },
      { server: "server2", code: "nobodyWrites" },
      {
        server: "server3",
        code: "notStreaming",
        upstream: "server2",
        unanswered: { kind: "refused", because: "server2 refuses connections" },
      },
      { server: "des10", ...hostProblem },
      { server: "des10", code: "unanswered", kind: "refused", because: "server2 refuses connections" },
    ]);
  });

  it("gives each server its problems, without its name in them", () => {
    const other = { ...writing, senders: [] };
    const rows = rowsOf(report(seen(primary, { sql: writing }), seen(server("server3"), { sql: other })));
    expect(rows.map(({ problems }) => problems)).toEqual([
      [{ code: "severalWrite", others: ["server3"] }],
      [
        { code: "severalWrite", others: ["server2"] },
        { code: "writesUndeclared", role: "standby" },
      ],
    ]);
  });

  it("tells what a server is that takes nobody in by its process, never by its words, which are of any language", () => {
    const unreachable = new SqlUnreachable("server3", "cannotConnectNow", 'answers "das Datenbanksystem startet"');
    const state = (of: KnownServer, told: Told) =>
      report(seen(of, { ...told, sql: { unreachable } })).servers.map((one) => one.state)[0];
    const running = (status?: "starting" | "stopping" | "standby") =>
      ({ process: { kind: "running", pid: 1, ...(status === undefined ? {} : { status }) } }) as const;
    const hot = server("server3");
    const warm = server("server3", { hotStandby: false });
    expect(state(hot, running("starting"))).toBe("starting");
    expect(state(hot, running("standby"))).toBe("in recovery, refuses queries");
    expect(state(warm, running("stopping"))).toBe("unreachable");
    // Before 10 nothing but its titles tells.
    expect(state(warm, { ...running(), titles: { recovering: "000000010000000000000003" } })).toMatch(/^in recovery/);
    expect(state(warm, running())).toBe("starting");
    expect(state(primary, running())).toBe("starting");
    expect(state(warm, { process: { kind: "stopped" } })).toBe("stopped");
  });

  it("says of another cluster's server whose it is, and of a walsender how far it has come", () => {
    const senders = [{ name: "server3", state: "catchup", replay: null, lag: null }];
    const told = report(
      seen(primary, { sql: { ...writing, senders } }),
      seen(server("server3"), {
        data: { kind: "foreign", systemIdentifier: "8", backupLabel: false },
        sql: recovering,
      }),
    );
    expect(told.problems.map(({ server: _server, ...problem }) => problem)).toEqual([
      { code: "foreignData", dataDirectory: "/data/server3" },
      { code: "anotherCluster", systemIdentifier: "8", writing: { server: "server2", systemIdentifier: "7" } },
      { code: "walsenderWaits", upstream: "server2", state: "catchup" },
    ]);
    expect(told.streams).toMatchObject([{ off: { code: "walsenderWaits" } }]);
  });
});

describe("findings of a preview's resources", () => {
  const stopped = {
    server: "server3",
    object: { kind: "server" },
    there: { is: "stopped" },
    consequence: "start",
  } as const;
  const plan = {
    steps: [{ server: "server3", action: "start", because: [{ code: "stopped" }] }],
    refusals: [],
  } as const;
  const all: readonly Finding[] = [
    { kind: "difference", difference: stopped },
    { kind: "not known", code: "host", server: "des10", message: "des10 cannot be reached" },
    { kind: "plan", plan, loud: false },
    { kind: "difference", difference: { ...stopped } },
    { kind: "not known", code: "host", server: "des10", message: "des10 cannot be reached" },
    { kind: "not known", code: "SQL", message: "no server takes writes" },
  ];

  it("are parts of the report, each once", () => {
    expect(comparedBy(all)).toEqual({
      differences: [stopped],
      unknown: [
        { code: "host", server: "des10", message: "des10 cannot be reached" },
        { code: "SQL", message: "no server takes writes" },
      ],
      plan,
    });
  });

  it("stand in the report beside what was seen of the servers", () => {
    const seenOfOne = seen(primary, { sql: writing });
    const whole = reportOf({ primary: "server2" }, { servers: [seenOfOne], answers: [seenOfOne.sql] }, comparedBy(all));
    expect(whole).toMatchObject({ differences: [stopped], plan, servers: [{ name: "server2", state: "read-write" }] });
    expect(JSON.parse(JSON.stringify(whole))).toEqual(whole);
  });
});
