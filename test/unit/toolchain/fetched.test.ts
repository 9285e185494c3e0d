import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fetchedOnce } from "../../../toolchain/fetched.mjs";
import { fetchPulumi } from "../../../toolchain/npmPulumi.mjs";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pgsite-unit-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("what is fetched", () => {
  const attempt = (hasOtherWay: boolean, why?: string) => {
    const tried: string[] = [];
    const fetch = async (path: string) => {
      tried.push(path);
      if (why === undefined) mkdirSync(path);
      return why;
    };
    const made = fetchedOnce(join(folder, "it"), { fetch, hasOtherWay: async () => hasOtherWay });
    return made.then((reason) => ({ reason, tried: tried.length }));
  };

  it("is fetched once", async () => {
    expect(await attempt(true)).toEqual({ reason: undefined, tried: 1 });
    expect(await attempt(true)).toEqual({ reason: undefined, tried: 0 });
  });

  it("is not asked for again on the day of a failure, which is told again", async () => {
    expect(await attempt(true, "no route")).toEqual({ reason: "no route", tried: 1 });
    expect(await attempt(true)).toEqual({ reason: "no route", tried: 0 });
  });

  it("is asked for again a day later", async () => {
    writeFileSync(join(folder, "it.json"), JSON.stringify({ failedAt: Date.now() - 25 * 3600 * 1000 }));
    expect(await attempt(true)).toEqual({ reason: undefined, tried: 1 });
  });

  it("is asked for again at once where nothing else leads on", async () => {
    expect(await attempt(false, "no route")).toEqual({ reason: "no route", tried: 1 });
    expect(await attempt(false)).toEqual({ reason: undefined, tried: 1 });
  });
});

describe("Pulumi by npm's package", { timeout: 20_000 }, () => {
  /** With a launcher of the test's in the place of npm's. */
  const fetched = (launcher: string, patience?: number) => {
    const unpack = async (_: object, work: string) => {
      writeFileSync(join(work, "run.js"), `const fs = require("node:fs");\n${launcher}`);
      return work;
    };
    const target = join(folder, "pulumi");
    return fetchPulumi("3.250.0", target, { unpack, ...(patience === undefined ? {} : { patience }) });
  };
  const bin = "const bin = process.env.PULUMI_HOME + '/versions/' + process.env.PULUMI_VERSION + '/bin';";

  it("is what its launcher put down, of the version that was asked for", async () => {
    const files = "for (const name of ['pulumi', 'pulumi-language-nodejs']) fs.writeFileSync(bin + '/' + name, name);";
    expect(await fetched(`${bin} fs.mkdirSync(bin, {recursive: true}); ${files}`)).toBeUndefined();
    expect(readFileSync(join(folder, "pulumi", "pulumi-language-nodejs"), "utf8")).toBe("pulumi-language-nodejs");
  });

  it.each([
    [
      "does not reach its server",
      "console.error('Downloading…\\npulumi: fetch failed'); process.exit(1)",
      "pulumi: fetch failed",
    ],
    [
      "brings no language host",
      `${bin} fs.mkdirSync(bin, {recursive: true})`,
      "what came has no pulumi-language-nodejs",
    ],
    ["hears nothing", "setInterval(() => {}, 1000)", "nothing came for 1 s"],
  ])("is not taken from a launcher that %s, and nothing is left", async (_, launcher, why) => {
    expect(await fetched(launcher, 1)).toBe(why);
    expect(existsSync(join(folder, "pulumi"))).toBe(false);
  });

  it("may come slowly", async () => {
    const slowly = `fs.appendFileSync(process.env.TMPDIR + '/pulumi.tar.gz', 'x');`;
    const launcher = `let n = 0; setInterval(() => { ${slowly} if (++n > 8) { console.error('through'); process.exit(1); } }, 300);`;
    expect(await fetched(launcher, 1)).toBe("through");
  });
});
