import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { atLeast, type Major } from "../../postgres/versions.js";
import { quick, RolloutSite } from "./rolloutSite.js";

const at = (access: readonly string[] = []) => ({ db1: { dataDirectory: "/data/db1", access } });
const library = { shared_preload_libraries: "pg_stat_statements, auto_explain" };

/** One server, one declaration after the other: each converges, or its `up` says why not. */
export function describeConvergence(major: Major, block: number): void {
  describe(`every plan converges at ${major}`, { timeout: 60_000 }, () => {
    let site: RolloutSite;
    beforeAll(async () => {
      site = await RolloutSite.make(major, block, { settings: quick, servers: at() });
    }, 120_000);
    afterAll(() => site?.close(), 60_000);

    const declare = (settings: Readonly<Record<string, string>>, access?: readonly string[]) =>
      site.declare({ settings: { ...quick, ...settings }, servers: at(access) });
    const shown = async (name: string) => (await site.query("db1", `show ${name}`))[0]?.[name];

    test("a library's settings in other spellings, and real numbers with more digits than a server shows", async () => {
      declare({
        ...library,
        "pg_stat_statements.max": "0x1000",
        "auto_explain.log_min_duration": "1min",
        "auto_explain.log_analyze": "1",
        "auto_explain.sample_rate": ".123456789",
        random_page_cost: "1.123456789",
        work_mem: "16384",
      });
      await site.up();
      expect(await site.differences()).toEqual([]);
      expect(await shown("auto_explain.log_min_duration")).toBe("1min");
    });

    test("a setting of a library that only a start changes restarts the server", async () => {
      declare({ ...library, "pg_stat_statements.max": "6000" });
      await site.up();
      expect(await site.differences()).toEqual([]);
      expect(await shown("pg_stat_statements.max")).toBe("6000");
    });

    test("a rule that cannot match now is no difference", async () => {
      declare({ ...library, "pg_stat_statements.max": "6000" }, [
        "hostssl app app 192.0.2.0/24 scram-sha-256",
        ...(atLeast(major, "12") ? ["hostgssenc app app 192.0.2.0/24 md5"] : []),
        'host "a b",c "odd ""name""" 192.0.2.0/24 ident map=m',
        "host nobody_has +nobody samenet reject",
      ]);
      await site.up();
      expect(await site.differences()).toEqual([]);
    });

    test.each([
      [
        "a value that a library does not take",
        "auto_explain.log_min_duration",
        "5OOO",
        /log_min_duration has a value that will not do; allowed: -1 to \d+ \(ms\)/,
      ],
      [
        "a word that it does not know",
        "pg_stat_statements.track",
        "everything",
        /track has a value that will not do; allowed: none, top, all/,
      ],
      [
        "a setting that it has not",
        "pg_stat_statements.tracck",
        "all",
        /tracck is no setting of pg_stat_statements, which is loaded \(did you mean pg_stat_statements.track\?\)/,
      ],
    ])("%s is said by the up, and by the next preview, until it is put right", async (_, name, value, reason) => {
      // What is tried before a start is refused in the words of the server's own program.
      const refused = `would not start with what it is to get: .*${name.replace(".", "\\.")}`;
      const either = new RegExp(`${reason.source}|${refused}`);
      declare({ ...library, "pg_stat_statements.max": "6000", [name]: value });
      await expect(site.up()).rejects.toThrow(either);
      expect((await site.differences()).join("\n")).toMatch(either);
      declare({ ...library, "pg_stat_statements.max": "6000" });
      await site.up();
      expect(await site.differences()).toEqual([]);
    });
  });
}
