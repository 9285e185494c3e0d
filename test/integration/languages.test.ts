import { userInfo } from "node:os";
import { execa } from "execa";
import { beforeAll, describe, expect, it } from "vitest";
import { NotThatUser } from "../../hosts/host.js";
import { remoteCommand } from "../../hosts/ssh/become.js";
import { unreachable } from "../../hosts/ssh/failure.js";
import { languages, makeLocale, whyEnglishAlone } from "../support/languages.js";
import { livesIn } from "../support/lifeAbroad.js";

const why = whyEnglishAlone();
const { french } = languages;

/** With more of it, German, and the real Pulumi: test/proof/languages.proof.ts. */
describe.skipIf(why !== undefined)(`servers that speak French${why ? ` (${why})` : ""}`, { timeout: 60_000 }, () => {
  livesIn(french, { block: 228 });
});

const isRoot = userInfo().uid === 0;

describe.skipIf(why !== undefined || !isRoot)(`a host in French${why ?? (isRoot ? "" : " (needs root)")}`, () => {
  beforeAll(() => makeLocale(french));

  it.each([
    ["postgres", "refused"],
    ["nobody-of-that-name", "missing"],
  ])("says in words that are known why its login does not become %s", async (user, known) => {
    const spec = { name: "db1", transport: "ssh", address: "192.0.2.1", user, become: "sudo" } as const;
    const { stderr } = await execa("su", ["-s", "/bin/sh", "nobody", "-c", remoteCommand(spec)], {
      env: { LC_ALL: french.locale },
      input: "true\n",
      reject: false,
    });
    const told = unreachable(spec, stderr);
    expect(told).toBeInstanceOf(NotThatUser);
    expect((told as NotThatUser).why).toBe(known);
  });
});
