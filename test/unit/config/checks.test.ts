import { expect, it } from "vitest";
import { resolveStack } from "../../../config/resolve.js";

it("lets the primary have fewer connections than PostgreSQL's default: nobody is above it", () => {
  const { problems } = resolveStack("site", {
    "pgsite:site": "orders",
    "pgsite:postgresql": "15",
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
      "pgsite:postgresql": "15",
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
