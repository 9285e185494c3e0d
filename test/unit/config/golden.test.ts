import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { rawConfiguration } from "../../../cli/rehearsal/stackFiles.js";
import { resolveStack } from "../../../config/resolve.js";

const checkout = join(import.meta.dirname, "..", "..", "..");
const golden = join(import.meta.dirname, "..", "golden");

/** The files of a committed stack, at the version that it declares. */
function filesOf(stack: string): Record<string, Readonly<Record<string, string | null>>> {
  const raw = rawConfiguration(readFileSync(join(checkout, `Pulumi.${stack}.yaml`), "utf8"));
  const { stack: resolved, problems } = resolveStack(stack, raw);
  expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
  return Object.fromEntries((resolved?.site.servers ?? []).map(({ name, files }) => [name, files]));
}

describe("the bytes of the real sites' files at 9.0", () => {
  const files = { ...filesOf("ctio"), ...filesOf("fnal"), ...filesOf("momentum") };

  for (const server of ["server2", "server3", "des10", "msyspg"]) {
    it(`are those of the golden files for ${server}, and no other file is declared`, () => {
      const declared = Object.entries(files[server] ?? {}).filter(([, text]) => text !== null);
      const expected = readdirSync(join(golden, server)).sort();
      expect(declared.map(([name]) => name).sort()).toEqual(expected);
      for (const [name, text] of declared) {
        expect(text, `${server}/${name}`).toBe(readFileSync(join(golden, server, name), "utf8"));
      }
    });
  }

  it("give a standalone server no recovery.conf either", () => {
    expect(files.msyspg?.["recovery.conf"]).toBeNull();
  });

  it("give the primary no recovery.conf: with one it would start as a standby", () => {
    expect(files.server2?.["recovery.conf"]).toBeNull();
  });
});
