import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { accessReadOtherwise } from "../support/files/accessRead.js";
import { settingsReadOtherwise } from "../support/files/settingsRead.js";
import { accessLine, fileOf, settingLine } from "../support/files/texts.js";
import { tree, treeReadOtherwise } from "../support/files/trees.js";
import { HbaServer } from "../support/hbaServer.js";
import "../support/seed.js";

const server = await HbaServer.make("15", 125);
beforeAll(() => server.start(), 60_000);
afterAll(() => server.close(), 30_000);

describe("files as PostgreSQL reads them, and as pgsite does", () => {
  test("postgresql.conf, whole and mutilated", async () => {
    const texts = fc.sample(fileOf(settingLine, 4), 1000);
    for (let at = 0; at < texts.length; at += 200) {
      expect(await settingsReadOtherwise(server, texts.slice(at, at + 200))).toEqual([]);
    }
  }, 60_000);

  test("pg_hba.conf, whole and mutilated", async () => {
    const texts = fc.sample(fileOf(accessLine, 5), 1000);
    expect(await accessReadOtherwise(server, texts)).toEqual([]);
  }, 60_000);

  test("files that include each other", async () => {
    for (const one of fc.sample(tree, 100)) expect(await treeReadOtherwise(server, one)).toEqual([]);
  }, 60_000);
});
