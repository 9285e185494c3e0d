import { describe, expect, it } from "vitest";
import { resolveStack } from "../../../config/resolve.js";
import { parseConninfo } from "../../../postgres/files/conninfo.js";

const base = {
  site: "orders",
  postgresql: "15",
  hosts: { db1: "192.0.2.1", db2: "192.0.2.2", far: "192.0.2.3" },
  upstream: { server: "db1", dataDirectory: "/srv/1", others: { db2: { dataDirectory: "/srv/2", port: 5433 } } },
  servers: { far: { dataDirectory: "/srv/pg", role: "mirror" } },
};

function resolve(changes: object = {}) {
  const entries = Object.entries({ ...base, ...changes }).map(([key, value]) => [
    `pgsite:${key}`,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  const { stack, problems } = resolveStack("far", {
    ...Object.fromEntries(entries),
    "pgsite:password-postgres": "x",
    "pgsite:password-replicator": "x",
  });
  const errors = problems.filter(({ severity }) => severity === "error");
  return { site: stack?.site, errors: errors.map(({ path, message }) => `${path}: ${message}`) };
}

describe("a mirror with several servers to follow", () => {
  it.each([
    ["10", "read-write"],
    ["13", "read-write"],
    ["14", "primary"],
    ["18", "primary"],
  ])("takes the one that takes writes, at %s", (postgresql, takes) => {
    const { site, errors } = resolve({ postgresql });
    expect(errors).toEqual([]);
    const [far] = site?.servers ?? [];
    const text = far?.settings.primary_conninfo ?? far?.files["recovery.conf"] ?? "";
    const conninfo = text.startsWith("host=") ? text : (/primary_conninfo = '(.*)'/.exec(text)?.[1] ?? "");
    expect(parseConninfo(conninfo)).toMatchObject({
      host: "192.0.2.1,192.0.2.2",
      port: "5432,5433",
      target_session_attrs: takes,
    });
    expect(far).toMatchObject({ upstream: "db1", alternatives: ["db2"] });
    expect(site?.others).toMatchObject([{ name: "db2", address: "192.0.2.2", port: 5433, dataDirectory: "/srv/2" }]);
  });

  it("is refused before 10, with a slot, and where a server is named twice or is on no known host", () => {
    expect(resolve({ postgresql: "9.6", authentication: "md5" }).errors).toEqual([
      "upstream.others: PostgreSQL 9.6 follows one server alone: from 10 on several",
    ]);
    expect(resolve({ settings: { primary_slot_name: "far" } }).errors).toEqual([
      "servers.far.settings.primary_slot_name: goes with one server to follow: the one that takes over has no such slot, and nothing would stream. Leave upstream.others out, or the slot, and have wal_keep_size keep enough",
    ]);
    const others = { db1: { dataDirectory: "/srv/1" }, gone: { dataDirectory: "/srv/3" } };
    expect(resolve({ upstream: { ...base.upstream, others } }).errors).toEqual([
      "upstream.others.db1: is named twice: name here the servers beside upstream.server alone",
      expect.stringMatching(/^upstream\.others\.gone\.host: /),
    ]);
  });
});
