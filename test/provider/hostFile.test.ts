import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Stack } from "./stack.js";

const secret = "s3cret 'quoted\" \\ : $HOME";
let stack: Stack;
let folder: string;
let path: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "pgsite-file-"));
  path = join(folder, "deeper", "passfile");
  stack = await Stack.make({ content: secret });
}, 120_000);

afterAll(async () => {
  await stack?.sandbox.remove();
  rmSync(folder, { recursive: true, force: true });
});

function declare(mode = "0600", at = path): void {
  stack.declare({ files: [{ path: at, mode, user: userInfo().username }] });
}

describe("a host file under the real engine", { timeout: 60_000 }, () => {
  it("is written with its mode, its secret appears nowhere, and the next preview is empty", async () => {
    declare();
    const said = await stack.up();
    expect(readFileSync(path, "utf8")).toBe(secret);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(said).not.toContain("s3cret");
    expect(JSON.stringify([...(await stack.sandbox.state("test"))])).not.toContain("s3cret");
    expect((await stack.preview()).changes).toBe("Resources:\n    2 unchanged");
    expect(readdirSync(join(folder, "deeper"))).toEqual(["passfile"]);
  });

  it("shows mode and content that were changed by hand, never a value, and heals both", async () => {
    writeFileSync(path, "somebody's");
    chmodSync(path, 0o644);
    const shown = await stack.preview();
    expect(shown.all).toContain(
      `the content of ${path} on here is another than declared (secret, so not shown): install`,
    );
    expect(shown.changes).toBe(
      [
        "    ~ pgsite:index:HostFile: (update)",
        "      ~ content: [secret] => [secret]",
        '      ~ mode   : "0644" => "0600"',
        "Resources:",
        "    ~ 1 to update",
        "    1 unchanged",
      ].join("\n"),
    );
    await stack.up();
    expect(readFileSync(path, "utf8")).toBe(secret);
  });

  it("is made again where it was removed", async () => {
    rmSync(path);
    expect((await stack.preview()).changes).toContain("+ pgsite:index:HostFile: (create)");
    await stack.up();
    expect(readFileSync(path, "utf8")).toBe(secret);
  });

  it("refuses a wrong mode with one message that quotes no secret", async () => {
    declare("644");
    const said = await stack.failing("preview");
    expect(said).toContain('mode: "644" is not a mode like "0600"');
    expect(said).not.toContain("s3cret");
  });

  it("moves to another path by writing the new file and removing the old one", async () => {
    const other = join(folder, "other", "passfile");
    declare("0600", other);
    expect((await stack.preview()).changes).toContain(`~ path: "${path}" => "${other}"`);
    await stack.up();
    expect(readFileSync(other, "utf8")).toBe(secret);
    expect(readdirSync(join(folder, "deeper"))).toEqual([]);
    path = other;
  });

  it("stays as it was known where its host cannot be reached, with a warning", async () => {
    const exported = join(stack.sandbox.program, "state.json");
    await stack.sandbox.must(["stack", "export", "--stack", "test", "--file", exported]);
    const moved = readFileSync(exported, "utf8")
      .replaceAll(String.raw`\"transport\":\"local\"`, String.raw`\"transport\":\"ssh\"`)
      .replaceAll(String.raw`\"address\":\"\"`, String.raw`\"address\":\"198.18.0.1\"`);
    writeFileSync(exported, moved);
    await stack.sandbox.must(["stack", "import", "--stack", "test", "--file", exported]);
    const { changes, all } = await stack.preview();
    expect(all).toContain("warning: here cannot be reached: there is no way to 198.18.0.1 from this machine");
    expect(all).toContain("What is there now is not known; shown is what was last known.");
    expect(changes).toContain('transport: "ssh" => "local"');
    await stack.up();
    expect((await stack.preview()).changes).toBe("Resources:\n    2 unchanged");
  });

  it("is left, and said to be, where somebody changed it before it is to be deleted", async () => {
    writeFileSync(path, "somebody's");
    const said = await stack.destroy();
    expect(said).toContain(`left ${path} on here: its content is no longer what pgsite wrote`);
    expect(readFileSync(path, "utf8")).toBe("somebody's");
    expect(said).not.toContain("s3cret");
  });
});
