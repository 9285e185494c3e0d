import { describe, expect, it } from "vitest";
import type { UnreachableKind } from "../../../postgres/serverProblems.js";
import { SqlUnreachable } from "../../../servers/sql/session.js";
import type { Taken } from "../../../servers/sql/way.js";
import { findLock } from "../../../servers/unlock/find.js";

const address = { name: "db1", address: "192.0.2.1", port: 5432, proof: { tls: "none", asks: [] } } as const;
const visitor = (writes: boolean) => ({ address, administrator: "postgres", takesWrites: async () => writes });
const running = { kind: "running", pid: 42, status: "ready" } as const;

function cameIn(by: Taken["by"], ...barred: readonly UnreachableKind[]): Taken {
  const before = barred.map((kind) => ({ by: "forwarded", kind, because: "db1 says so" }) as const);
  return { by, at: "127.0.0.1:5432", role: "postgres", barred: before };
}

const password = Object.assign(new Error("password authentication failed"), { code: "28P01", routine: "auth_failed" });
const refusal = new SqlUnreachable("db1", "password", "db1 says so", { cause: password });

describe("how a server keeps pgsite out", () => {
  it("is nothing where it comes in by the declared way, or a stopped one is asked", async () => {
    expect(await findLock(visitor(true), running, { superuser: true, way: cameIn("forwarded") })).toBeUndefined();
    expect(await findLock(visitor(true), running, { superuser: true, way: cameIn("owner", "tls") })).toBeUndefined();
    expect(await findLock(visitor(true), { kind: "stopped" }, refusal)).toBeUndefined();
  });

  it("is named also where the server's OS user comes in, who mends it", async () => {
    const entry = { superuser: true, way: cameIn("owner", "password") };
    const lock = { code: "password", role: "postgres", because: "db1 says so", by: "host" };
    expect(await findLock(visitor(true), running, entry)).toEqual(lock);
  });

  it("is mended on the primary where a standby has it from there, and takes single-user mode where nobody comes in", async () => {
    expect(await findLock(visitor(true), running, refusal)).toMatchObject({ code: "password", by: "stop" });
    expect(await findLock(visitor(false), running, refusal)).toMatchObject({ code: "password", by: "primary" });
    const entry = { superuser: true, way: cameIn("owner", "password") };
    expect(await findLock(visitor(false), running, entry)).toMatchObject({ code: "password", by: "primary" });
    // Its rules are its own.
    const rules = { superuser: true, way: cameIn("owner", "noRule") };
    expect(await findLock(visitor(false), running, rules)).toMatchObject({ code: "noRule", by: "host" });
  });
});
