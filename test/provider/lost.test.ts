import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Stack } from "./stack.js";

let stack: Stack;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "pgsite-lost-"));
  stack = await Stack.make({ content: "w0rd" });
  declare("0600", "known");
  await stack.up();
  // As the launcher says it where the project's configuration does.
  Object.assign(stack.sandbox.env, { PGSITE_LOST: "server2@here" });
  writeFileSync(join(folder, "known"), "somebody's");
}, 120_000);

afterAll(async () => {
  await stack?.sandbox.remove();
  rmSync(folder, { recursive: true, force: true });
});

function declare(mode: string, ...names: readonly string[]): void {
  stack.declare({ files: names.map((name) => ({ path: join(folder, name), mode, user: userInfo().username })) });
}

describe("a resource on a host that is declared lost", { timeout: 60_000 }, () => {
  it("stays as it is known: neither what is there nor what is declared changes it", async () => {
    declare("0644", "known");
    expect((await stack.preview()).changes).toBe("Resources:\n    2 unchanged");
    await stack.up();
    expect(readFileSync(join(folder, "known"), "utf8")).toBe("somebody's");
  });

  it("cannot be made, and is refused by name in the preview", async () => {
    declare("0600", "known", "another");
    const refusal =
      "another cannot be made: here is declared lost: it is not contacted; declare it when here is back, and lost no more";
    expect((await stack.failing("preview")).replace(/\s+/g, " ")).toContain(refusal);
    expect((await stack.failing("up")).replace(/\s+/g, " ")).toContain(refusal);
    expect(existsSync(join(folder, "another"))).toBe(false);
  });

  it("is read and compared as ever when the word is taken away", async () => {
    Object.assign(stack.sandbox.env, { PGSITE_LOST: "" });
    declare("0600", "known");
    expect((await stack.preview()).changes).toContain("~ content: [secret] => [secret]");
    Object.assign(stack.sandbox.env, { PGSITE_LOST: "server2@here" });
  });

  it("is left, and said to be, when it is to be deleted", async () => {
    expect(await stack.destroy()).toContain("left known on here as it is: here is declared lost: it is not contacted");
    expect(readFileSync(join(folder, "known"), "utf8")).toBe("somebody's");
  });
});
