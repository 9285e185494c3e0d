import { describe, expect, it } from "vitest";
import { type Streaming, senderFor } from "../../../postgres/streams.js";

function standby(name: string, address: string, more: Partial<Streaming> = {}): Streaming {
  return { name, address, host: { address }, version: "15", settings: {}, upstream: "db1", ...more };
}

const debian = { applicationName: "15/main" };
const row = (name: string, from: string) => ({ name, from, state: "streaming" });

describe("a standby's stream", () => {
  const [db2, db3] = [standby("db2", "192.0.2.2", debian), standby("db3", "192.0.2.3", debian)];

  it("is the one from its address where another streams under the same name", () => {
    const rows = [row("15/main", "192.0.2.3"), row("15/main", "192.0.2.2")];
    expect(senderFor(rows, db2, [db2, db3])).toBe(rows[1]);
  });

  it("is not another's that streams under the same name", () => {
    expect(senderFor([row("15/main", "192.0.2.3")], db2, [db2, db3])).toBeUndefined();
  });

  it("is known by cluster_name and as walreceiver until it streams under its declared name", () => {
    const plain = standby("db2", "192.0.2.2", { settings: { cluster_name: "15/main" } });
    for (const name of ["db2", "15/main", "walreceiver"]) {
      expect(senderFor([row(name, "198.51.100.1")], plain, [plain])?.name).toBe(name);
    }
    expect(senderFor([row("pg_receivewal", "192.0.2.2")], plain, [plain])).toBeUndefined();
  });
});
