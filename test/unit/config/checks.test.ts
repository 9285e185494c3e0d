import { expect, it } from "vitest";
import { resolveStack } from "../../../config/resolve.js";

it("lets the primary have fewer connections than PostgreSQL's default: nobody is above it", () => {
  const { problems } = resolveStack("site", {
    "pgsite:site": "orders",
    "pgsite:postgresql": "16",
    "pgsite:hosts": '{"server2": "192.0.2.2", "server3": "192.0.2.3"}',
    "pgsite:primary": "server2",
    "pgsite:servers": '{"server2": {"dataDirectory": "/srv/two"}, "server3": {"dataDirectory": "/srv/three"}}',
    "pgsite:settings": '{"max_connections": 30}',
    "pgsite:password-postgres": "secret",
    "pgsite:password-replicator": "secret",
  });
  expect(problems).toEqual([]);
});

it("compares a mirror with what its upstream is stated to have, and with nothing that is not stated", () => {
  const stack = (settings: string) =>
    resolveStack("far", {
      "pgsite:site": "orders",
      "pgsite:postgresql": "16",
      "pgsite:hosts": '{"server2": "192.0.2.2", "des10": "192.0.2.3"}',
      "pgsite:upstream": `{"server": "server2", "dataDirectory": "/srv/two", "settings": ${settings}}`,
      "pgsite:servers": '{"des10": {"dataDirectory": "/srv/ten", "role": "mirror"}}',
      "pgsite:settings": '{"max_connections": 300, "max_wal_senders": 3}',
      "pgsite:password-postgres": "secret",
      "pgsite:password-replicator": "secret",
    }).problems.map(({ path, message }) => `${path}: ${message}`);
  expect(stack('{"max_connections": 300}')).toEqual([]);
  expect(stack('{"max_connections": 400}')).toEqual([
    "servers.des10.settings.max_connections: max_connections 300 is below the primary's 400: a hot standby does not start so; allowed: at least 400",
  ]);
  expect(stack('{"max_conections": 400}')[0]).toMatch(/^upstream\.settings\.max_conections: .*max_connections/);
});

it("lets nothing through that a file could not hold or a server would not take, and throws for none of it", () => {
  const paths = (more: Record<string, string>) =>
    resolveStack("site", {
      "pgsite:site": "orders",
      "pgsite:postgresql": "16",
      "pgsite:hosts": '{"server2": "192.0.2.2"}',
      "pgsite:primary": "server2",
      "pgsite:servers": '{"server2": {"dataDirectory": "/srv/two"}}',
      "pgsite:password-postgres": "secret",
      "pgsite:password-replicator": "secret",
      ...more,
    })
      .problems.filter(({ severity }) => severity === "error")
      .map(({ path }) => path);
  expect(paths({ "pgsite:access": JSON.stringify(["host all all\n0.0.0.0/0 trust"]) })).toEqual(["access[0]"]);
  expect(paths({ "pgsite:access": JSON.stringify([{ user: "a\nb", address: "all" }]) })).not.toEqual([]);
  expect(paths({ "pgsite:replicationRole": "a\nb" })).toContain("replicationRole");
  expect(paths({ "pgsite:roles": '{"pg_boss": {}}' })).toEqual(["roles.pg_boss"]);
  expect(paths({ "pgsite:databases": `{"${"ä".repeat(32)}": {}}` })).toHaveLength(1);
  const schemas = (text: string) => paths({ "pgsite:databases": `{"app": {"schemas": ${text}}}` });
  expect(schemas('["a", "B c"]')).toEqual([]);
  expect(schemas('{"a": {}, "b": {"owner": "postgres"}}')).toEqual([]);
  expect(schemas('{"b": {"owner": "reader"}}')).toEqual(["databases.app.schemas.b.owner"]);
  expect(schemas('["a", "pg_mine", "a"]')).toEqual(["databases.app.schemas[1]", "databases.app.schemas[2]"]);
  expect(schemas('{"information_schema": {}}')).toEqual(["databases.app.schemas.information_schema"]);
  expect(paths({ "pgsite:settings": JSON.stringify({ log_directory: "a\nb" }) })).toEqual([]);
});
