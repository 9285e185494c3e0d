import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import pLimit from "p-limit";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { renderHbaLine } from "../../postgres/files/hba/index.js";
import { compareVerifier, md5Verifier, scramVerifier } from "../../postgres/verifier.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { isRefusedByPgsiteAlone, type Verdict, verdictsOf } from "../support/files/hbaVerdict.js";
import { candidateRule, damaged } from "../support/hbaRules.js";
import { HbaServer, port } from "../support/hbaServer.js";
import { availableMajors } from "../support/programs.js";

const tested = availableMajors().filter((major) => atLeast(major, "9.6"));
/** What depends on the host and not on the rule: the build, files, the resolver. */
const notOfTheRule = /not supported by this build|could not open|could not translate/;

const servers = new Map<Major, HbaServer>();

beforeAll(async () => {
  const limit = pLimit(2);
  const started = tested.map((major) =>
    limit(async () => {
      const server = await HbaServer.make(major);
      servers.set(major, server);
      await server.start();
    }),
  );
  // All of them first, so that none starts after a failure has closed the others.
  const failed = (await Promise.allSettled(started)).find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}, 300_000);

afterAll(() => Promise.all([...servers.values()].map((server) => server.close())), 30_000);

/** What pgsite says of one line: undefined where it is no rule. */
function verdict(major: Major, line: string): Verdict | undefined {
  return verdictsOf(major, line).get(1);
}

/** Lines on which pgsite and the server differ, each with both answers. */
async function differences(server: HbaServer, lines: readonly string[], slips = false): Promise<string[]> {
  const rows = await server.read(lines);
  return lines.flatMap((line, index) => {
    const mine = verdict(server.major, line);
    const row = rows.get(index);
    if (mine === undefined || notOfTheRule.test(row?.error ?? "")) return [];
    // An expression with a slip in it is PostgreSQL's to judge.
    if (slips && /\/[^,\s]*[[({\\*+?]/.test(line)) return [];
    // Some refusals leave no reason, only a row without columns. That a rule cannot match is a complaint, and no refusal.
    const unread = atLeast(server.major, "10") && row?.type == null;
    const refused = unread || (row?.error != null && !/record cannot match/.test(row.error));
    if (refused !== mine.errors.length > 0 && !isRefusedByPgsiteAlone(mine.errors)) {
      return [`${line}\n  pgsite: ${mine.errors.join("; ") || "takes it"}\n  server: ${row?.error ?? "takes it"}`];
    }
    if (refused || mine.errors.length > 0 || row?.type == null || mine.rule === undefined || /@/.test(line)) return [];
    const { type, databases, users, method } = mine.rule;
    // On local lines ident is another name of peer.
    const known = type === "local" && method === "ident" ? "peer" : method;
    const read = [type, databases.map(({ text }) => text), users.map(({ text }) => text), known];
    const theirs = [row.type, row.database, row.user_name, row.auth_method];
    return JSON.stringify(read) === JSON.stringify(theirs)
      ? []
      : [`${line}\n  pgsite reads: ${JSON.stringify(read)}\n  server reads: ${JSON.stringify(theirs)}`];
  });
}

const passwords = {
  "quotes, backslash, space, colon and dollar": ` it's "a" \\ b:c $d$ `,
  "a composed letter": "caf\u00e9",
  "a decomposed letter": "cafe\u0301",
  "a ligature, a numeral and a wide letter": "\ufb01\u2167\uff21",
  "a space that breaks no line": "a\u00a0b",
  "a soft hyphen": "a\u00adb",
  "a letter that PostgreSQL's Unicode has not": "\u{1f600}e",
  "letters of Hebrew": "\u05d0\u05d1",
};

describe.each(tested)("PostgreSQL %s", (major) => {
  const server = () => servers.get(major) as HbaServer;

  test("the server takes every rule that the validation takes, and refuses what it refuses", async () => {
    const lines = sample(candidateRule).map(renderHbaLine);
    expect(await differences(server(), lines)).toEqual([]);
  }, 60_000);

  test("lines with slips of the pen are read as the server reads them", async () => {
    const line = candidateRule.chain((rule) => damaged(renderHbaLine(rule)));
    // Such a line would swallow the next one from 14 on.
    const lines = sample(line).filter((one) => !one.endsWith("\\") && !askedOfTheHost.test(one));
    expect(await differences(server(), lines, true)).toEqual([]);
  }, 60_000);

  test("rules that the validation takes are in force after a reload", async () => {
    const rules = sample(candidateRule).slice(0, 100);
    const good = rules.map(renderHbaLine).filter((line) => verdict(major, line)?.errors.length === 0);
    const rows = await server().read(good);
    const lines = good.filter((_, index) => !notOfTheRule.test(rows.get(index)?.error ?? ""));
    const log = await server().reload(lines);
    expect(complaints(log)).toEqual(['invalid connection type "nonsense"']);
    expect(lines.length).toBeGreaterThan(5);
  }, 30_000);

  test.each(Object.entries(passwords))(
    "a role logs in by its verifier with %s in its password",
    async (_, password) => {
      const methods = atLeast(major, "10") ? (["scram-sha-256", "md5"] as const) : (["md5"] as const);
      for (const method of methods) {
        const role = `${method}'s "role"`;
        const name = pg.escapeIdentifier(role);
        const verifier = method === "md5" ? md5Verifier(password, role) : await scramVerifier(password);
        await server().writeRules([`host postgres all 127.0.0.0/8 ${method}`]);
        await server().query("SELECT pg_reload_conf()");
        await server().query(`DROP ROLE IF EXISTS ${name}`);
        await server().query(`CREATE ROLE ${name} LOGIN PASSWORD ${pg.escapeLiteral(verifier)}`);
        expect(await login(role, password)).toBe("in");
        expect(await login(role, `${password}x`)).toMatch(/password authentication failed/);
        // The server's own verifier for this password is one that we recognise.
        const kind = atLeast(major, "10") ? `'${method}'` : "on";
        await server().query(`SET password_encryption = ${kind}`);
        await server().query(`ALTER ROLE ${name} PASSWORD ${pg.escapeLiteral(password)}`);
        const [row] = await server().query(
          `SELECT rolpassword FROM pg_authid WHERE rolname = ${pg.escapeLiteral(role)}`,
        );
        expect(`${row?.rolpassword}`.slice(0, 3)).toBe(method === "md5" ? "md5" : "SCR");
        expect(await compareVerifier(`${row?.rolpassword}`, password, role)).toBe("same");
        expect(await compareVerifier(`${row?.rolpassword}`, `${password}x`, role)).toBe("another");
      }
    },
    30_000,
  );

  /** Tries until the reloaded rules are in force. */
  async function login(user: string, password: string): Promise<string> {
    for (let attempt = 0; ; attempt++) {
      const client = new pg.Client({ host: server().address, port, user, database: "postgres", password });
      client.on("error", () => undefined);
      const failure = await client.connect().catch((reason: Error) => reason.message);
      await client.end().catch(() => undefined);
      if (typeof failure !== "string") return "in";
      if (attempt === 40 || !/no pg_hba\.conf entry/.test(failure)) return failure;
      await sleep(50);
    }
  }
});

/** Reasons for which a server refused a file. */
function complaints(log: string): string[] {
  return log.split("\n").flatMap((line, index, all) => {
    if (!/CONTEXT: {2}line \d+ of configuration file/.test(line)) return [];
    const before = all[index - 1] ?? "";
    const text = (/HINT: /.test(before) ? all[index - 2] : before)?.replace(/^.*LOG: {2}/, "") ?? "";
    return /record cannot match/.test(text) ? [] : [text];
  });
}

/** Files that are not there, and names that the resolver does not know, which not every version says. */
const askedOfTheHost = /@(?!names[\s,"])|@names"|radiusserver/;

function sample<T>(arbitrary: fc.Arbitrary<T>): T[] {
  return fc.sample(arbitrary, { numRuns: 1500 });
}
