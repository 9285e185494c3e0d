import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { checkout } from "../../toolchain/paths.mjs";
import { PulumiSandbox } from "../support/pulumi.js";
import type { Declared } from "./program.js";

/** A stack of the test program under the real engine, with the provider as it is built. */
export class Stack {
  private constructor(readonly sandbox: PulumiSandbox) {}

  static async make(secrets: Readonly<Record<string, string>>): Promise<Stack> {
    const [sandbox] = await Promise.all([
      PulumiSandbox.make(),
      promisify(execFile)(process.execPath, [join(checkout, "toolchain/build.mjs")]),
    ]);
    sandbox.write({
      "package.json": '{"name":"test","version":"1.0.0"}',
      "Pulumi.yaml": `name: test
runtime: nodejs
main: index.js
options: {refresh: always}
plugins:
  providers:
    - {name: pgsite, path: ${join(checkout, "toolchain/launch/provider")}}
`,
    });
    await build({
      entryPoints: [join(checkout, "test/provider/program.ts")],
      outfile: join(sandbox.program, "index.js"),
      bundle: true,
      platform: "node",
      target: "node20",
      format: "cjs",
      external: ["@pulumi/pulumi"],
      logLevel: "silent",
    });
    await sandbox.must(["stack", "init", "test"]);
    const settings = Object.entries(secrets).flatMap(([key, value]) => ["--secret", `${key}=${value}`]);
    await sandbox.must(["config", "set-all", "--stack", "test", ...settings]);
    return new Stack(sandbox);
  }

  declare(declared: Declared): void {
    this.sandbox.write({ "site.json": JSON.stringify(declared) });
  }

  /** What `pulumi preview --diff` shows of changes, and all that it prints. */
  async preview(): Promise<{ readonly changes: string; readonly all: string }> {
    const result = await this.sandbox.must(["preview", "--diff", "--stack", "test"]);
    return { changes: changesIn(result.stdout), all: output(result) };
  }

  /** All that `pulumi up` prints. @throws where it fails */
  async up(): Promise<string> {
    return output(await this.sandbox.must(["up", "--yes", "--skip-preview", "--stack", "test"]));
  }

  /** All that a run prints that must fail. */
  async failing(command: "up" | "preview"): Promise<string> {
    const more = command === "up" ? ["--yes", "--skip-preview"] : [];
    const result = await this.sandbox.run([command, ...more, "--stack", "test"]);
    if (result.code === 0) throw new Error(`pulumi ${command} was to fail and did not:\n${output(result)}`);
    return output(result);
  }

  async destroy(): Promise<string> {
    return output(await this.sandbox.must(["destroy", "--yes", "--skip-preview", "--stack", "test"]));
  }
}

function output({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }): string {
  return `${stdout}${stderr}`;
}

/** The part after the refresh: what the program's resources would change. Messages come in between at any place: not here. */
function changesIn(preview: string): string {
  const start = preview.indexOf("  pulumi:pulumi:Stack: (same)");
  return preview
    .slice(start === -1 ? 0 : start)
    .split("\n")
    .filter((line) => /^(?: {4}|Resources:)/.test(line) && !/^\s*\[(urn|id)=|^\s*$/.test(line))
    .join("\n");
}
