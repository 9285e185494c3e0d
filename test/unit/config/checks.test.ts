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
