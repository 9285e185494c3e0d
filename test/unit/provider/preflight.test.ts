import { mkdtempSync, rmSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PreflightRequest } from "../../../preflight/request.js";
import { type PreflightState, preflight } from "../../../provider/resources/preflight.js";
import type { Context } from "../../../servers/rollout/reporter.js";

let folder: string;
let said: string[];
let context: Context;
let request: PreflightRequest;

beforeAll(() => {
  folder = mkdtempSync("/var/tmp/pgsite-preflight-unit-");
  said = [];
  context = {
    name: "orders-preflight",
    signal: new AbortController().signal,
    isSecret: () => false,
    log: async (severity, message) => void said.push(`${severity}: ${message}`),
    report: async () => undefined,
    progress: async () => undefined,
  };
  request = requestFor("db1");
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Servers on this machine whose programs are missing: there is one problem with each. */
function requestFor(...names: readonly string[]): PreflightRequest {
  const { username: user } = userInfo();
  return {
    site: "orders",
    stack: "test",
    version: "15",
    locales: ["C"],
    install: false,
    servers: names.map((name, index) => ({
      name,
      host: { name, transport: "local", address: "", user },
      address: `127.0.68.${index + 2}`,
      port: 5442,
      dataDirectory: join(folder, name),
      controlDirectory: join(folder, `${name}.pgsite`),
      binDirectory: join(folder, "bin"),
      settings: { listen_addresses: `127.0.68.${index + 2}` },
      disposable: false,
    })),
  };
}

const problemOf = (name: string) => `${name}: there is no PostgreSQL 15 in ${folder}/bin: `;
/** What a check comes to, or the list that it refuses with. */
const check = async (args: PreflightRequest, actual?: PreflightState) => {
  try {
    return (await preflight.check(context, args, actual)).state;
  } catch (error) {
    return (error as Error).message.trim().split("\n");
  }
};
const madeOf = (args: PreflightRequest): PreflightState => ({ ...args, packages: {}, __unseeded: [] });

describe("the preflight of a stack", { timeout: 60_000 }, () => {
  it("is run for what is to be made, and for what has changed, but not for what is as it was", async () => {
    const heading = "the preflight found 1 problem: no server was made or changed";
    expect(await check(request)).toEqual([heading, expect.stringContaining(`  ${problemOf("db1")}`)]);
    expect(await check(request, madeOf(request))).toEqual(madeOf(request));
    const grown = requestFor("db1", "db2");
    // One line, whose remedy is for both.
    expect(await check(grown, madeOf(request))).toEqual([
      heading,
      expect.stringContaining(`  ${problemOf("db1 and db2")}`),
    ]);
  });

  it("is run again where a server's data is gone, which by itself is no difference", async () => {
    const known = { ...request, packages: { db1: ["postgresql-15"], db9: ["rsync"] }, __unseeded: [] };
    const found = (await preflight.read(context, "", known)) as PreflightState;
    // What was installed on a host that may have been made anew is found missing again, and so installed again.
    expect(found).toEqual({ ...known, packages: { db9: ["rsync"] }, __unseeded: ["db1"] });
    expect(await check(request, found)).toEqual([expect.anything(), expect.stringContaining(problemOf("db1"))]);
  });

  it("refuses to be made before anything is changed, and says what is the same of several hosts once", async () => {
    said.length = 0;
    await expect(preflight.create(context, madeOf(requestFor("db1", "db2")))).rejects.toThrow(
      `the preflight found 1 problem: no server was made or changed\n  ${problemOf("db1 and db2")}`,
    );
    expect(said).toEqual([]);
  });
});
