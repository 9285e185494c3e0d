import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { endingOf, lineReader, quote, runCommand } from "../../../toolchain/command-plugin/child.js";
import { difference } from "../../../toolchain/command-plugin/difference.js";
import { check, resourceKinds } from "../../../toolchain/command-plugin/inputs.js";
import { hasUnknown, plain, same, unknown, type Value } from "../../../toolchain/command-plugin/values.js";
import { runs, until } from "../../support/processes.js";

const secret = (value: Value): Value => ({
  "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
  value,
});

describe("differences", () => {
  it.each([
    ["nothing", { a: "1" }, { a: "1" }, {}],
    [
      "a property that appears, changes and goes",
      { a: "1", b: "1" },
      { b: "2", c: "1" },
      { a: "delete", b: "update", c: "add" },
    ],
    ["an entry of a map", { e: { X: "1", Y: "1" } }, { e: { X: "2", Y: "1" } }, { "e.X": "update" }],
    ["an entry with an odd name", { e: { "a.b": "1" } }, { e: { "a.b": "2" } }, { 'e["a.b"]': "update" }],
    ["items of a list", { t: ["1", "2"] }, { t: ["3", "2", "4"] }, { "t[0]": "update", "t[2]": "add" }],
    ["a list that appears whole", {}, { t: ["1"] }, { t: "add" }],
    ["null, which is nothing", { a: null }, {}, {}],
    ["a secret's content", { a: secret("1") }, { a: secret("2") }, { a: "update" }],
    ["a value that becomes secret", { a: "1" }, { a: secret("1") }, { a: "update" }],
    ["a value that is not known", { a: "1" }, { a: unknown }, { a: "update" }],
  ])("show %s", (_, before, after, expected) => {
    expect(Object.fromEntries(difference(before as never, after as never))).toEqual(expected);
  });

  it("are none between equal values", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (values) => {
        const copy = JSON.parse(JSON.stringify(values));
        expect(difference(values as never, copy).size).toBe(0);
        expect(same(values as Value, copy)).toBe(true);
      }),
    );
  });
});

describe("values", () => {
  it("are opened at any depth", () => expect(plain([secret({ a: secret("x") }), "y"])).toEqual([{ a: "x" }, "y"]));
  it("are unknown where anything in them is", () => {
    expect(hasUnknown({ a: [secret(unknown)] })).toBe(true);
    expect(hasUnknown({ a: ["known"] })).toBe(false);
  });
});

describe("inputs", () => {
  it("of the right kinds, secret or unknown, are accepted", () => {
    const inputs = { create: secret("x"), environment: secret({ A: "1" }), stdin: unknown, triggers: [1, null, "x"] };
    expect(check(inputs, resourceKinds)).toEqual([]);
  });

  it("of the wrong kinds are all named, and their values are not", () => {
    const failures = check({ create: 71, environment: { A: secret(72) }, interpreter: "73", x: "74" }, resourceKinds);
    expect(failures).toEqual([
      { property: "create", reason: "must be a string" },
      { property: "environment", reason: "must be a map of strings" },
      { property: "interpreter", reason: "must be a list of strings" },
      { property: "x", reason: "is not a property that this takes" },
    ]);
  });

  it("that the stand-in does not serve are refused", () => {
    expect(check({ assetPaths: ["*"] }, resourceKinds)).toMatchObject([
      { reason: expect.stringContaining("official") },
    ]);
  });
});

describe("failure texts", () => {
  it.each([
    ['a\nb\t"c" \\ é', '"a\\nb\\t\\"c\\" \\\\ é"'],
    ["\x01\x7f\u0085", '"\\x01\\x7f\\u0085"'],
  ])("quote as Go does", (text, quoted) => expect(quote(text)).toBe(quoted));
  it.each([
    [0, null, undefined],
    [3, null, "exit status 3"],
    [null, "SIGKILL", "signal: killed"],
    [null, "SIGTERM", "signal: terminated"],
  ] as const)("name how a command ended", (code, signal, text) => expect(endingOf(code, signal)).toBe(text));
});

describe("lines", () => {
  it("come whole out of any pieces", () => {
    const text = fc.array(fc.string({ unit: "binary" }).map((line) => line.replaceAll(/[\r\n]/g, "")));
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 7 }), (expected, size) => {
        const lines: string[] = [];
        const reader = lineReader((line) => lines.push(line));
        const bytes = Buffer.from(expected.map((line) => `${line}\n`).join(""));
        for (let from = 0; from < bytes.length; from += size) reader.push(bytes.subarray(from, from + size));
        reader.end();
        expect(lines).toEqual(expected);
      }),
    );
  });
});

describe("a command that is stopped", () => {
  it("ends with everything that it started", async () => {
    const folder = mkdtempSync(join(tmpdir(), "pgsite-unit-"));
    try {
      const stop = new AbortController();
      const file = join(folder, "pid");
      // The second shell is the command's child, and holds its output open.
      const running = runCommand(
        `sh -c 'echo $$ > ${file}; sleep 60; true'; true`,
        {},
        {
          previous: {},
          log: () => {},
          signal: stop.signal,
        },
      );
      const outcome = expect(running).rejects.toThrow(/^signal: terminated: running "sh -c/);
      await until("the command starts", () => existsSync(file) && readFileSync(file, "utf8").endsWith("\n"));
      stop.abort();
      await outcome;
      await until("its child ends", () => !runs(Number(readFileSync(file, "utf8"))), 2);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("before it began does not begin", async () => {
    const options = { previous: {}, log: () => {}, signal: AbortSignal.abort() };
    await expect(runCommand("true", {}, options)).rejects.toThrow('context canceled: running "true":');
  });
});
