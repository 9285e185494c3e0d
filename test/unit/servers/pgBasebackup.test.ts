import { describe, expect, it } from "vitest";
import {
  complaintIn,
  environmentOf,
  type Order,
  pgBasebackup,
  progressIn,
} from "../../../servers/baseBackup/pgBasebackup/command.js";

const order: Order = {
  version: "15",
  binDirectory: "/usr/lib/postgresql/15/bin",
  source: { name: "server2", address: "192.0.2.2", port: 5442 },
  asks: ["scram-sha-256"],
  user: "o'neil r",
  into: "/data/db/pgsite.incoming",
  label: "pgsite base backup for server3",
  wal: "stream",
  slot: true,
  tablespaces: [],
};
const given = (version: Order["version"], more: Partial<Order> = {}) =>
  pgBasebackup({ ...order, version, ...more }).slice(3);

describe("pg_basebackup's command line", () => {
  const common = ["--no-password", "--checkpoint=fast", "--label", order.label, "--progress"];
  const dbname = [
    "--dbname",
    "host=192.0.2.2 port=5442 user='o\\'neil r' keepalives_count=3 keepalives_idle=10 keepalives_interval=5",
  ];
  const plain = ["--host", "192.0.2.2", "--port", "5442", "--username", "o'neil r"];

  it("says the same in each version's words", () => {
    expect(given("9.1", { wal: "fetch" })).toEqual([...plain, ...common, "--xlog"]);
    expect(given("9.2")).toEqual([...plain, ...common, "-X", "stream"]);
    expect(given("9.3")).toEqual([...dbname, ...common, "-X", "stream"]);
    expect(given("10")).toEqual([...dbname, ...common, "-X", "stream", "--no-sync"]);
    expect(given("15")).toEqual([...dbname, ...common, "-X", "stream", "--no-sync", "--no-manifest"]);
  });

  it("verifies whom it copies where that is declared: in the connection string, or for versions without by its environment", () => {
    const authorities = "/data/db.pgsite/authorities.crt";
    expect(given("15", { authorities })[1]).toMatch(
      / sslmode=verify-full .*sslrootcert=\/data\/db\.pgsite\/authorities\.crt$/,
    );
    expect(given("9.2", { authorities })).toEqual(given("9.2"));
    expect(environmentOf({ authorities })).toEqual({ PGSSLMODE: "verify-full", PGSSLROOTCERT: authorities });
    expect(environmentOf({})).toEqual({});
  });

  it("limits the rate, in kB, and does without a slot where none is free", () => {
    const limited = given("15", { rateLimit: 20 * 1024 * 1024, slot: false, wal: "fetch" });
    expect(limited).toContain("--max-rate=20480");
    expect(limited).toContain("--no-slot");
    expect(limited.join(" ")).toContain("-X fetch");
  });

  it("moves tablespaces that go elsewhere, and those alone", () => {
    const tablespaces = [
      { oid: "1", location: "/fast", to: "/fast" },
      { oid: "2", location: "/a=b", to: "/c d" },
    ];
    expect(given("15", { tablespaces }).filter((word) => word.startsWith("--tablespace"))).toEqual([
      "--tablespace-mapping=/a\\=b=/c d",
    ]);
  });
});

it("reads how far pg_basebackup is", () => {
  expect(progressIn("  1024/4096 kB (25%), 0/1 tablespace (...b/pgsite.incoming/base/1/1)")).toEqual({
    done: 1024 * 1024,
    total: 4096 * 1024,
  });
  expect(progressIn("waiting for checkpoint")).toBeUndefined();
});

it("tells what pg_basebackup complains of, in one line", () => {
  const said = [
    "waiting for checkpoint",
    'pg_basebackup: error: connection to server at "192.0.2.2", port 5442 failed: Connection refused',
    "\tIs the server running on that host and accepting TCP/IP connections?",
  ];
  expect(complaintIn(said)).toBe('connection to server at "192.0.2.2", port 5442 failed: Connection refused');
  expect(complaintIn(["", " odd "])).toBe("odd");
  expect(complaintIn([])).toBe("it says nothing");
});
