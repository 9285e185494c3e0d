import { describe, expect, it } from "vitest";
import { resolveStack } from "../../../config/resolve.js";
import { committed, graphOf } from "../../support/graph.js";

const stack = (postgresql: string, more: Record<string, string> = {}) =>
  resolveStack("site", {
    "pgsite:site": "orders",
    "pgsite:postgresql": postgresql,
    "pgsite:hosts": '{"one": "192.0.2.2", "two": "192.0.2.3"}',
    "pgsite:primary": "one",
    "pgsite:administrator": "boss",
    "pgsite:authentication": "md5",
    "pgsite:servers": '{"one": {"dataDirectory": "/srv/one"}, "two": {"dataDirectory": "/srv/two"}}',
    "pgsite:password-boss": "secret",
    ...more,
  });
const said = (problems: ReturnType<typeof stack>["problems"]) =>
  problems.flatMap(({ path, message }) => (/replic/.test(`${path} ${message}`) ? [`${path}: ${message}`] : []));

describe("the role that standbys connect as", () => {
  it("is the administrator at 9.0 if nobody names one, and needs no other password", () => {
    const { stack: found, problems } = stack("9.0");
    expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
    expect(said(problems)).toEqual([]);
    expect(found?.site.replicationRole).toBe("boss");
    expect(said(stack("9.1").problems)).toEqual([
      expect.stringMatching(/^password-replicator: the role replicator has no/),
    ]);
  });

  it("is a superuser at 9.0, or is refused with the way out", () => {
    const replicator = { "pgsite:replicationRole": "replicator", "pgsite:password-replicator": "secret" };
    expect(said(stack("9.0", replicator).problems)).toEqual([
      "replicationRole: replicator is no superuser, and at 9.0 nobody else may replicate: leave replicationRole out, and standbys connect as boss, or declare roles.replicator.superuser",
    ]);
    const roles = { "pgsite:roles": '{"replicator": {"superuser": true}}' };
    expect(said(stack("9.0", { ...replicator, ...roles }).problems)).toEqual([]);
    expect(said(stack("9.1", replicator).problems)).toEqual([]);
  });

  it.each([
    ["9.0", false],
    ["9.1", true],
    ["9.2", false],
    ["15", false],
  ])("has REPLICATION at %s if it is the administrator: %s", async (postgresql, replication) => {
    const graph = await graphOf("ctio", committed("ctio", { "pgsite:postgresql": postgresql }));
    const role = graph.find(({ type, name }) => type === "pgsite:index:Role" && name === "dbadmin");
    expect(role?.inputs).toMatchObject({ superuser: true, replication });
  });
});
