import { execFile } from "node:child_process";
import { chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type OsUser, osUser } from "../../hosts/users.js";
import { renderConfiguration } from "../../postgres/files/postgresqlConf.js";
import { buildNeeds } from "../../postgres/settings/builds.js";
import { catalogue } from "../../postgres/settings/catalogue.js";
import { resolveSettings } from "../../postgres/settings/resolve.js";
import { checkRules } from "../../postgres/settings/rules.js";
import type { Setting } from "../../postgres/settings/setting.js";
import { checkValue } from "../../postgres/settings/values.js";
import { majors } from "../../postgres/versions.js";
import { availableMajors, programsOf } from "../support/programs.js";
import { textFor } from "../support/settingValues.js";

/**
 * What pgsite's validation says of a value, and what real servers say of it, over generated values of every setting.
 * `postgres -C` reads the whole file without starting, and its log names every setting whose value it refuses.
 */
describe.each(availableMajors().filter((major) => majors.indexOf(major) >= majors.indexOf("9.6")))(
  "PostgreSQL %s",
  (major) => {
    let programs = "";
    let directory = "";
    /** The servers' programs refuse to run as root. */
    let user: OsUser | undefined;

    beforeAll(async () => {
      programs = await programsOf(major);
      if (process.getuid?.() === 0) user = await osUser("postgres").catch(() => osUser("nobody"));
      directory = await mkdtemp(join(tmpdir(), "pgsite-settings-"));
      await writeFile(join(directory, "PG_VERSION"), `${major}\n`);
      if (user !== undefined) await chown(directory, user.uid, user.gid);
    }, 300_000);

    afterAll(() => rm(directory, { recursive: true, force: true }));

    /** The answer of `postgres -C name` to a configuration. */
    async function ask(values: Readonly<Record<string, string>>, name: string) {
      await writeFile(join(directory, "postgresql.conf"), renderConfiguration(values));
      const ids = user === undefined ? {} : { uid: user.uid, gid: user.gid };
      const env = { LC_ALL: "C", PATH: process.env.PATH };
      return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
        const args = ["-D", directory, "-C", name];
        const options = { ...ids, env, cwd: "/", maxBuffer: 2 ** 26 };
        const child = execFile(join(programs, "postgres"), args, options, (_failure, stdout, stderr) =>
          resolve({ code: child.exitCode ?? -1, stdout, stderr }),
        );
      });
    }

    const settable = [...catalogue(major).values()].filter((setting) =>
      resolveSettings(major, [layer({ [setting.name]: setting.default ?? "" })]).problems.every(
        (one) => !isManaged(one.message),
      ),
    );
    const candidates = fc.record(Object.fromEntries(settable.map((setting) => [setting.name, textFor(setting)])));

    function layer(values: Readonly<Record<string, string>>) {
      return { source: "the test", path: "settings", values };
    }

    function verdict(setting: Setting, text: string): string | undefined {
      const checked = checkValue(setting, text);
      return checked.ok ? checked.text : undefined;
    }

    test("the server takes every value that the validation takes", async () => {
      await fc.assert(
        fc.asyncProperty(candidates, async (texts) => {
          const accepted: Record<string, string> = {};
          for (const setting of settable) {
            const text = verdict(setting, texts[setting.name] ?? "");
            if (text !== undefined && buildNeeds(major, setting.name, text) === undefined)
              accepted[setting.name] = text;
          }
          const kept = withoutConflicts(accepted);
          const { code, stderr } = await ask(kept, "max_connections");
          expect(code === 0 ? "" : complaints(stderr, kept)).toBe("");
        }),
        { numRuns: 60, endOnFailure: true },
      );
    }, 60_000);

    test("the server refuses every value that the validation refuses", async () => {
      await fc.assert(
        fc.asyncProperty(candidates, async (texts) => {
          const refused: Record<string, string> = {};
          for (const setting of settable) {
            const text = texts[setting.name] ?? "";
            if (verdict(setting, text) === undefined && !refusedByPgsiteAlone.has(setting.name))
              refused[setting.name] = text;
          }
          const { stderr } = await ask(refused, "max_connections");
          const named = new Set([...stderr.matchAll(/parameter "([^"]+)"/g)].map((match) => match[1]));
          const unnamed = Object.entries(refused).filter(([name]) => !named.has(name));
          const taken = [];
          for (const [name, text] of unnamed) {
            // Some refusals do not name the setting: asked for alone, the exit code says it.
            if ((await ask({ [name]: text }, "max_connections")).code === 0) taken.push([name, text]);
          }
          expect(taken).toEqual([]);
        }),
        { numRuns: 60, endOnFailure: true },
      );
    }, 60_000);

    test("any text that is rendered comes back from the server as it was", async () => {
      const text = fc.string({ unit: "binary", maxLength: 40 }).filter((one) => !one.includes("\0"));
      await fc.assert(
        fc.asyncProperty(
          fc.oneof(text, fc.constantFrom("a\nb", "\\", "it's", '\\n"', "\r\n\t", "#", "é \\047")),
          async (value) => {
            const { stdout } = await ask({ dynamic_library_path: value }, "dynamic_library_path");
            expect(stdout).toBe(`${value}\n`);
          },
        ),
        { numRuns: 10, endOnFailure: true },
      );
    }, 60_000);

    /** Drops settings until no rule that the server enforces is broken. */
    function withoutConflicts(values: Record<string, string>): Record<string, string> {
      const kept = { ...values };
      for (;;) {
        const broken = checkRules(major, { postgresql: kept, recovery: {}, origins: {} }).find(
          (one) => one.severity === "error",
        );
        if (broken === undefined) return kept;
        delete kept[broken.path.replace(/^settings\./, "")];
      }
    }
  },
);

function isManaged(message: string): boolean {
  return /^(?:it cannot be set|pgsite decides it)/.test(message);
}

/**
 * Where pgsite says no and `postgres -C` does not: lists that the server splits only when it starts, times that pgsite takes
 * in one form, values that only an old recovery.conf or nobody at all would write.
 */
const refusedByPgsiteAlone = new Set([
  // Its value would silence the very messages that say what was refused.
  "log_min_messages",
  "listen_addresses",
  "local_preload_libraries",
  "oauth_validator_libraries",
  "recovery_target_time",
  "recovery_target_timeline",
  "recovery_target_xid",
  "session_preload_libraries",
  "shared_preload_libraries",
  "unix_socket_directories",
  "wal_consistency_checking",
]);

function complaints(stderr: string, values: Readonly<Record<string, string>>): string {
  const lines = stderr.split("\n").filter((line) => /LOG|DETAIL|HINT|FATAL/.test(line) && !line.includes("auto.conf"));
  return lines
    .map((line) => {
      const name = /parameter "([^"]+)"/.exec(line)?.[1];
      return name === undefined ? line : `${line} (given: ${JSON.stringify(values[name])})`;
    })
    .join("\n");
}
