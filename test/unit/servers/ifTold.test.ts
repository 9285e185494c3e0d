import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HostUnreachable } from "../../../hosts/host.js";
import { hostOf } from "../../../hosts/index.js";
import { ifTold } from "../../../servers/rollout/ifTold.js";
import { withSession } from "../../../servers/sql/session.js";

const { username: user } = userInfo();
const host = hostOf({ name: "here", transport: "local", address: "", user });
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pgsite-told-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("what is not told is not known", () => {
  it("where a FIFO stands in a file's place, or a path leads round and round", async () => {
    await execa("mkfifo", [join(folder, "pg_control")]);
    await execa("ln", ["-s", "round", join(folder, "round")]);
    for (const name of ["pg_control", "round"]) {
      expect(await ifTold(() => host.readFile(join(folder, name)))).toBeUndefined();
    }
    expect(await ifTold(async () => (await host.realPath(join(folder, "round"))) ?? "nothing")).toBeUndefined();
  });

  it("where a host cannot be reached, or a server gives no session", async () => {
    const unreachable = async () => {
      throw new HostUnreachable("here", "it is off");
    };
    expect(await ifTold(unreachable)).toBeUndefined();
    const asks = { tls: "none", asks: [], asksReplicas: [] } as const;
    const closed = { name: "server2", address: "127.0.0.1", port: 1, proof: asks };
    const login = { user: "postgres", password: "x" };
    expect(await ifTold(() => withSession(closed, login, {}, async () => "told"))).toBeUndefined();
  });

  it("and a mistake of pgsite's own is no answer", async () => {
    await expect(ifTold(() => host.stat("/a\0b"))).rejects.toThrow("null bytes");
    const none = undefined as unknown as Buffer;
    await expect(ifTold(async () => none.readUInt32LE(0))).rejects.toThrow(TypeError);
  });
});
