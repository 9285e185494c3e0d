import { describe, expect, it } from "vitest";
import { type Barred, leadsOn, waysTo } from "../../../servers/sql/way.js";

const host = { name: "server2", address: "192.0.2.2", user: "postgres", transport: "ssh", sessions: "direct" } as const;
const declared = { host, address: "192.0.2.2", port: 5443 };
const direct = (address: string, port: number) => ({ by: "direct", to: { address, port } });

describe("a session that goes to a server's own address", () => {
  it("goes to the port where it listens now, which is to change", () => {
    expect(waysTo(declared, { port: 5442, address: "*" })).toEqual([direct("192.0.2.2", 5442)]);
    expect(waysTo(declared, { port: 5442, address: "192.0.2.2" })).toEqual([direct("192.0.2.2", 5442)]);
  });

  it("goes to the address where it listens now, where nobody is at the declared one", () => {
    const ways = waysTo({ ...declared, address: "192.0.2.12" }, { port: 5442, address: "192.0.2.2" });
    expect(ways).toEqual([direct("192.0.2.12", 5442), direct("192.0.2.2", 5442)]);
    const [, second] = ways;
    const failed = (kind: Barred["kind"]): Barred => ({ by: "direct", kind, because: "" });
    expect(second !== undefined && leadsOn(second, failed("refused"))).toBe(true);
    expect(second !== undefined && leadsOn(second, failed("unproven"))).toBe(false);
  });

  it("goes where it is declared to be, where no server runs or none says", () => {
    for (const listening of [undefined, "unsaid"] as const) {
      expect(waysTo(declared, listening)).toEqual([direct("192.0.2.2", 5443)]);
    }
  });
});
