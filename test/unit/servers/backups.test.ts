import { describe, expect, it } from "vitest";
import { renderRuns } from "../../../cli/commands/backups.js";
import { drillEvent } from "../../../servers/backups/drill.js";
import { parseEvent } from "../../../servers/backups/events.js";
import { restoreEvent } from "../../../servers/backups/restoreEvents.js";
import type { RunsReport } from "../../../servers/backups/runs.js";
import { drillEventInWords, restoreEventInWords, restoreOutcomeInWords } from "../../../servers/words/backups.js";

describe("what the programs on a host say", () => {
  it("has names in it that may be anything", () => {
    expect(parseEvent("way\trows\tdecam\tpublic\todd\\ttab, \\\\ and \\n line")).toEqual({
      word: "way",
      fields: ["rows", "decam", "public", "odd\ttab, \\ and \n line"],
    });
  });

  it.each([
    [
      "from\t20261129T110200Z\there\tverified\t1795950180\t1795950200\t/backup/20261129T110200Z",
      /verified 2026-11-29 11:03:20 UTC/,
    ],
    ["from\t20261129T110200Z\there\twhole\t1795950180\t-\t/backup/20261129T110200Z", /no drill has verified it/],
    ["would\tmake\tdecam\tdecam\t1300000000", /makes the database decam \(1.3 GB\)/],
    ["would\treplace\tdecam\tdecam\t1000\tdecam_before_1", /kept as decam_before_1/],
    ["would\ttable\tdecam\tdecam\treplace\texposure\texposure", /replaces the rows of exposure.exposure in decam/],
    ["way\tdatabase\tdecam\t77", /decam has something in it \(77 objects\): --replace/],
    ["way\trole\tdbadmin\tdecam", /no role dbadmin.*--globals/],
    ["way\tsomething-new\t1", /something-new 1/],
    ["error\tdecam\tdecam/frame.dump\tERROR:  no\\n\\u001b[2J", /^decam decam\/frame.dump: ERROR:/],
    ["remark\t-\tno-globals\t", /no roles of the run/],
  ])("%s", (line, words) => {
    const event = restoreEvent(parseEvent(line));
    expect(event).toBeDefined();
    const said = event === undefined ? "" : (restoreEventInWords(event) ?? "");
    expect(said).toMatch(words);
    expect(said).not.toMatch(/\p{Cc}/u);
  });

  it("of a drill: what differs", () => {
    const said = (line: string) => {
      const event = drillEvent(parseEvent(line));
      return event === undefined ? undefined : drillEventInWords(event);
    };
    expect(said("difference\tdecam\trows\tbss\tscript\t5\tmissing")).toBe(
      "decam: bss.script is missing, and the run says 5 rows",
    );
    expect(said("difference\t-\tlost\tCREATE ROLE x;")).toBe("roles: only in the run: CREATE ROLE x;");
    expect(said("database\tdecam\tdiffers\t33\t4029")).toBe("decam: differs (33 tables, 4029 rows)");
    expect(said("progress\t1\t2")).toBeUndefined();
    expect(said("a word of another version")).toBeUndefined();
  });

  it("in the end", () => {
    expect(restoreOutcomeInWords({ code: "failed", faults: 1 })).toMatch(/1 fault,/);
    expect(restoreOutcomeInWords({ code: "ended", message: "" })).not.toBe("");
  });
});

describe("pgsite backups", () => {
  const now = Date.UTC(2026, 10, 30, 11, 2);
  const place = { server: "server2", place: "here", at: "server2", folder: "/backup" };
  const report = (places: RunsReport["places"]): RunsReport => ({ places, unknown: [] });

  it("says how old the newest verified one is, and what nobody could see", () => {
    const text = renderRuns(
      {
        places: [
          {
            ...place,
            runs: [
              {
                name: "20261128T110200Z",
                state: "verified",
                bytes: 2_000_000_000,
                ended: 1,
                verifiedAt: 1_795_950_200,
              },
              { name: "20261129T110200Z", state: "whole", bytes: 2_100_000_000 },
            ],
          },
          { server: "server2", place: "fermilab", at: "f@host", folder: "/copies", runs: [], unreachable: "no route" },
        ],
        unknown: [{ server: "server3", message: "it has no programs" }],
      },
      now,
    );
    expect(text).toContain("newest verified: 20261128T110200Z, 2d old");
    expect(text).toContain("fermilab (/copies) cannot be looked at: no route");
    expect(text).toContain("server3 cannot be asked: it has no programs");
    expect(text).toContain("verified 2026-11-29");
  });

  it("says so where nothing is verified, or nothing is there", () => {
    expect(
      renderRuns(report([{ ...place, runs: [{ name: "20261129T110200Z", state: "whole", bytes: 1 }] }]), now),
    ).toMatch(/none is verified/);
    expect(
      renderRuns(report([{ ...place, runs: [{ name: "20261129T110200Z", state: "partial", bytes: 1 }] }]), now),
    ).toMatch(/nothing can be restored/);
    expect(renderRuns(report([]), now)).toMatch(/no run in any place/);
  });
});
