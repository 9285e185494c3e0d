import { describe, expect, it } from "vitest";
import { backupsOf } from "../../../servers/page/backups.js";

describe("backups on the page", () => {
  const declared = { schedule: "2 11 * * 0", timeZone: "UTC" };
  const place = { server: "a", place: "local", at: "a", folder: "/backups", runs: [] };

  it("say where a place or a server could not be looked at: there may be newer ones", () => {
    expect(backupsOf(declared, { places: [place], unknown: [] }).backups.unasked).toBeUndefined();
    const silent = { places: [place, { ...place, at: "b", unreachable: "no route" }], unknown: [] };
    expect(backupsOf(declared, silent)).toMatchObject({
      backups: { unasked: true },
      unknown: ["the backups in /backups on b cannot be looked at: no route"],
    });
    const unknown = [{ server: "a", message: "no answer" }];
    expect(backupsOf(declared, { places: [], unknown }).backups.unasked).toBe(true);
  });
});
