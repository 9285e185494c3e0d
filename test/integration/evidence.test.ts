import { describe, it } from "vitest";
import { cutOffBefore, theNight } from "../support/nights.js";
import { havePsql } from "../support/programs.js";

/** At all versions: test/proof/evidence.proof.ts. */
describe("what strangers write to a hot standby's log", { timeout: 120_000 }, () => {
  it("does not keep it from taking over on the night, be it by up or by the runbook", async () => {
    await theNight({ major: "18", block: 221 }, "up", havePsql());
  });

  it("does not make it take over where it was cut off before", async () => {
    await cutOffBefore({ major: "10", block: 222 }, havePsql());
  });
});
