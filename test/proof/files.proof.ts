import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Major } from "../../postgres/versions.js";
import { accessReadOtherwise } from "../support/files/accessRead.js";
import { settingsReadOtherwise } from "../support/files/settingsRead.js";
import { accessLine, fileOf, settingLine } from "../support/files/texts.js";
import { tree, treeReadOtherwise } from "../support/files/trees.js";
import { HbaServer } from "../support/hbaServer.js";
import "../support/seed.js";

const files = Number(process.env.FILES ?? 10_000);

describe.each((process.env.MAJORS ?? "11 15 18").split(" ") as Major[])(
  "files as PostgreSQL %s reads them, and as pgsite does",
  (major) => {
    let server: HbaServer;
    beforeAll(async () => {
      server = await HbaServer.make(major, 136);
      await server.start();
    }, 120_000);
    afterAll(() => server?.close(), 30_000);

    test("postgresql.conf, whole and mutilated", async () => {
      const texts = fc.sample(fileOf(settingLine, 5), files);
      for (let at = 0; at < texts.length; at += 200) {
        expect(await settingsReadOtherwise(server, texts.slice(at, at + 200))).toEqual([]);
      }
    });

    test("pg_hba.conf, whole and mutilated", async () => {
      expect(await accessReadOtherwise(server, fc.sample(fileOf(accessLine, 6), files))).toEqual([]);
    });

    test("files that include each other", async () => {
      for (const one of fc.sample(tree, files / 10)) expect(await treeReadOtherwise(server, one)).toEqual([]);
    });

    test("a file of 1 MB, a value of 1 MB, lines and names of many lengths", async () => {
      const many = `${"# a comment that is long enough\n".repeat(33_000)}a.b = 1 # the last\na.c = 'x'`;
      const long = `a.b = '${"é".repeat(500_000)}'\na.c = ${"x".repeat(100_000)}\n`;
      expect(await settingsReadOtherwise(server, [many, long])).toEqual([]);
      const lengths = [
        63, 64, 253, 254, 255, 256, 1000, 8100, 8140, 8189, 8190, 8191, 8192, 9000, 10_230, 10_240, 20_000,
      ];
      const rules = lengths.flatMap((length) => [
        `host all ${"u".repeat(length)} all md5\nlocal all all peer\n`,
        `host all all all md5 # ${"c".repeat(length)}\nlocal all all peer\n`,
        `host ${"a b,".repeat(length / 4).replaceAll(" ", "")}z all all md5\nlocal all all peer`,
      ]);
      expect(
        await accessReadOtherwise(server, [...rules, `${"# comment\n".repeat(100_000)}local all all peer`]),
      ).toEqual([]);
    });
  },
);
