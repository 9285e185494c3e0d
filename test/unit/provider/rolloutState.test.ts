import { describe, expect, it } from "vitest";
import { resolveStack } from "../../../config/resolve.js";
import { differences } from "../../../provider/protocol/wire.js";
import { rollout } from "../../../provider/resources/rollout.js";
import { mapServers } from "../../../provider/sdk/rollout.js";
import type { Context } from "../../../servers/rollout/reporter.js";
import type { Observed, RolloutServer, RolloutState } from "../../../servers/rollout/state.js";
import { reportBy } from "../../support/reportBy.js";

const { stack, problems } = resolveStack("test", {
  "pgsite:site": "test",
  "pgsite:postgresql": "16",
  "pgsite:hosts": JSON.stringify({ server2: "192.0.2.2", server3: "192.0.2.3" }),
  "pgsite:primary": "server2",
  "pgsite:servers": JSON.stringify({
    server2: { dataDirectory: "/srv/two" },
    server3: { dataDirectory: "/srv/three" },
  }),
  "pgsite:password-postgres": "adm1n",
  "pgsite:password-replicator": "repl",
});

if (stack === undefined || problems.length > 0) throw new Error(JSON.stringify(problems));
const servers = mapServers(
  Object.fromEntries(stack.site.servers.map((server) => [server.name, server])),
) as unknown as Readonly<Record<string, RolloutServer>>;
const args = { site: "test", servers, administrator: "postgres", administratorPassword: "adm1n" };

function found(name: string, more: Partial<Observed> = {}): RolloutServer & Observed {
  const server = servers[name] as RolloutServer;
  return { ...server, data: "present", state: "running", recovery: server.role !== "primary", ...more };
}

/** What a preview makes of servers as `read` found them, and what it says. */
async function preview(actual: RolloutState) {
  const said: string[] = [];
  const log: Context["log"] = async (severity, message) => void said.push(`${severity}: ${message}`);
  const context: Context = {
    name: "rollout",
    signal: new AbortController().signal,
    isSecret: () => false,
    log,
    report: reportBy(log),
    progress: async () => undefined,
  };
  const { state } = await rollout.check(context, args, actual);
  return { state, said };
}

describe("the state of a rollout", () => {
  it("holds steps as data, and the sentences are among the diagnostics alone", async () => {
    const actual = { ...args, servers: { server2: found("server2"), server3: found("server3", { state: "stopped" }) } };
    const { state, said } = await preview({ ...actual, plan: [] });
    expect(state.plan).toEqual([{ server: "server3", action: "start", because: [{ code: "stopped" }] }]);
    expect(state).not.toHaveProperty("refusals");
    expect(said).toEqual(["info: the rollout:\n1. server3: start (stopped)"]);
  });

  it("does not differ by what the running servers alone know of an extension's settings", async () => {
    const __startOnly = { server2: ["pg_stat_statements.max"], server3: ["pg_stat_statements.max"] };
    const actual = {
      ...args,
      servers: { server2: found("server2"), server3: found("server3") },
      plan: [],
      __startOnly,
    };
    const { state, said } = await preview(actual);
    expect(differences(actual, state)).toEqual([]);
    expect(said).toEqual([]);
  });

  it("holds why nothing may be done apart, as data, which makes the diagnostic a warning", async () => {
    const actual = { ...args, servers: { server2: found("server2"), server3: found("server3", { state: "silent" }) } };
    const { state, said } = await preview({ ...actual, plan: [] });
    expect(state.plan).toEqual([]);
    expect(state.refusals).toEqual([{ code: "silent", server: "server3" }]);
    expect(said).toEqual([
      "warning: the rollout:\nrefused: server3 runs and does not answer within a few seconds: find out why, or stop it, and run again",
    ]);
  });

  it("goes on from one of before that held lines of text", async () => {
    const diverged = "1, and went on after the primary had left that for 2 (save what it alone has, …)";
    const rejoin = { instead: ["no pg_rewind: x"], refusal: "/srv on host3 has 5 MB free, …" };
    const server3 = { ...found("server3", { state: "stopped" }), diverged, rejoin };
    const actual = { ...args, servers: { server2: found("server2"), server3 }, plan: ["1. server3: start (stopped)"] };
    const { state, said } = await preview(actual as unknown as RolloutState);
    expect(state.plan).toEqual([{ server: "server3", action: "start", because: [{ code: "stopped" }] }]);
    expect(JSON.stringify(state)).not.toContain("went on after");
    expect(said).toEqual(["info: the rollout:\n1. server3: start (stopped)"]);
  });
});
