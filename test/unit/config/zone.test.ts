import { Cron } from "croner";
import { describe, expect, it } from "vitest";
import { inZoneOfHost } from "../../../config/zone.js";

const from = new Date("2026-11-29T00:00:00Z");
const said = (cron: string, zone: string, host: string | undefined) => inZoneOfHost(cron, zone, host, from);

describe("times of one zone on a host whose clock shows another's", () => {
  it("are the same where the zones are", () => {
    expect(said("2 11 * * 0", "America/Santiago", "America/Santiago")).toEqual({ cron: "2 11 * * 0" });
  });

  it("move with the clock where it is always as far from the other, and to another day of the week if they must", () => {
    expect(said("30 23 * * sun", "Asia/Tokyo", "UTC")).toEqual({ cron: "30 14 * * 0" });
    expect(said("30 3 * * sun", "Asia/Tokyo", "UTC")).toEqual({ cron: "30 18 * * 6" });
    expect(said("0 9 * * *", "Asia/Kolkata", "UTC")).toEqual({ cron: "30 3 * * *" });
    expect(said("1 * * * *", "Asia/Tokyo", "UTC")).toEqual({ cron: "1 * * * *" });
  });

  it("are refused where they cannot be said: summer time, days of the month, a host that does not name its zone", () => {
    const code = (found: ReturnType<typeof said>) => ("problem" in found ? found.problem.code : found.cron);
    expect(code(said("2 11 * * 0", "America/Santiago", "UTC"))).toBe("apart");
    expect(code(said("0 3 1 * *", "Asia/Tokyo", "UTC"))).toBe("days");
    expect(code(said("0 0,12 * * 0", "Asia/Tokyo", "UTC"))).toBe("days");
    expect(code(said("0 3 * * *", "Asia/Tokyo", undefined))).toBe("unknown");
  });

  it("are the same moments, as a library says that knows zones", () => {
    for (const cron of ["5 4 * * *", "0 23 * * mon-fri", "15,45 1,2 * * sat", "0 */6 * * *"]) {
      const found = said(cron, "Asia/Kathmandu", "Asia/Tokyo");
      if ("problem" in found) continue;
      const next = (expression: string, timezone: string) =>
        new Cron(expression, { timezone }).nextRuns(20, from).map((date) => date.toISOString());
      expect([cron, ...next(found.cron, "Asia/Tokyo")]).toEqual([cron, ...next(cron, "Asia/Kathmandu")]);
    }
  });
});
