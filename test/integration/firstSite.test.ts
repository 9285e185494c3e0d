import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FirstSite, firstCommands } from "../support/firstSite.js";
import { said, whyNoSite } from "../support/remoteSite.js";

const why = whyNoSite();

describe.skipIf(why !== undefined)(`README's first site${why ? ` (${why})` : ""}`, { timeout: 240_000 }, () => {
  let site: FirstSite;

  beforeAll(async () => {
    site = await FirstSite.make();
    site.logInAs("root");
  }, 120_000);
  afterAll(() => site?.remove(), 60_000);

  const [setup, init, preview, up, status, again, ...more] = firstCommands;

  /** All that a command prints that must succeed. */
  async function typed(command: string | undefined): Promise<string> {
    const result = await site.type(command ?? "false");
    if (process.env.PGSITE_SHOW !== undefined) process.stderr.write(`$ ${command}\n${said(result)}\n`);
    expect(result.code, `${command}\n${said(result)}`).toBe(0);
    // Pulumi warns of plugins that it finds there, three times a run.
    expect(said(result)).not.toContain("from $PATH");
    return said(result);
  }

  it("is six commands: setup, init, preview, up, status, preview", () => {
    expect([setup, init?.split(" --")[0], preview, up, status, again]).toEqual([
      "npm run setup",
      "npx pgsite init",
      "pulumi preview",
      "pulumi up",
      "npx pgsite status",
      "pulumi preview",
    ]);
    expect(more).toEqual([]);
  });

  it("does not let the stranger's machine to the servers' port", async () => {
    const { address } = site.net.host("db1");
    const probe = `timeout 2 bash -c '</dev/tcp/${address}/5432' 2>&1; echo $?`;
    expect((await site.type(probe)).stdout.trim()).toBe("124");
  });

  it("is written by init from what the hosts have", async () => {
    await typed(setup);
    const printed = await typed(init);
    expect(printed).toContain("wrote Pulumi.production.yaml, and made the stack production in file://");
    expect(printed).not.toContain("problem:");
    const text = readFileSync(join(site.sandbox.program, "Pulumi.production.yaml"), "utf8");
    expect(text).toMatch(/pgsite:postgresql: "15"/);
    expect(text).toMatch(/db1: \{ ?dataDirectory: \/var\/lib\/postgresql\/15\/orders ?\} # [\d.]+ [kMGT]B free/);
    expect(text.match(/secure: /g)).toHaveLength(2);
    expect(existsSync(join(site.sandbox.program, "Pulumi.production.yaml"))).toBe(true);
  });

  it("comes up as the preview says, and the second preview has nothing to say", async () => {
    expect(await typed(preview)).toContain("to create");
    await typed(up);
    const table = await typed(status);
    expect(table).toMatch(/^ {2}db1 +primary +timeline 1 +takes writes\n {2}\S+ db2 +standby +timeline 1 +streams, /m);
    expect(table).toMatch(/[│|] db1 +[│|] primary [│|] .* read-write +[│|]/);
    expect(table).toMatch(/[│|] db2 +[│|] standby [│|] .* in recovery, read-only +[│|]/);
    expect(table).toContain("left out, since nobody has set them up here (pulumi stack init STACK): ctio, fnal");
    expect(await typed(again)).toMatch(/Resources:\n {4}\d+ unchanged\n/);
  });
});
