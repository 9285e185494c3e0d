import { describe, expect, it } from "vitest";
import { indexOf, search } from "../../../page/search.js";
import { isDifferent, settingsOf } from "../../../page/settings.js";
import { sitesOf } from "../../../page/sites.js";
import { server, settings, stack, written } from "../../support/syntheticParts.js";
import { drifted, healthy, hundred } from "../../support/syntheticReport.js";

const find = (report: Parameters<typeof sitesOf>[0], text: string) =>
  search(indexOf(sitesOf(report)), text).sections.map(({ section, entries }) => {
    return `${section}: ${entries.map(({ title }) => title).join(", ")}`;
  });

describe("a search", () => {
  it("finds in all sections what has all words, whatever their case and order", () => {
    expect(find(drifted(), "MAX_CONN server3")).toEqual([
      "Drift: server3: postgresql.conf max_connections",
      "Settings: max_connections = 300",
    ]);
    expect(find(healthy(), "192.0.2.4")).toEqual(["Servers: server3"]);
    expect(find(healthy(), "timeline 3 TOOK")).toEqual([
      "History: server2 took over from server3: timeline 3 begins, from 2 at 0/4C1B2E0",
    ]);
    expect(find(healthy(), "standbyabsent")).toEqual([
      "Incidents: server3: The standby server3 does not stream from this server.",
    ]);
    expect(find(healthy(), "20261129t")).toEqual(["Backups: 20261129T140200Z"]);
    expect(find(healthy(), "  ")).toEqual([]);
  });

  it("shows a few of many, and says how many there are", () => {
    const found = search(indexOf(sitesOf(hundred())), "custom_setting");
    // Each once for who runs with it, and once for who could not be asked.
    expect(found.total).toBe(204);
    expect(found.sections[0]?.entries).toHaveLength(8);
  });
});

describe("settings side by side", () => {
  it("differ where they are not as declared, wait, or are not the same everywhere", () => {
    const servers = [
      server({ name: "a", role: "primary", settings: settings({ work_mem: { running: "1MB", differs: true } }) }),
      server({
        name: "b",
        role: "standby",
        settings: settings({ hot_standby: { pendingRestart: true }, log_statement: { running: "ddl" } }),
      }),
      // Not asked: what it does not list, it does not deny either.
      server({ name: "c", role: "standby", settings: [{ name: "work_mem", declared: "32MB", differs: false }] }),
    ];
    const [site] = sitesOf({ format: 1, generatedAt: written, stacks: [stack({ stack: "s", servers })] });
    const rows = settingsOf(site as NonNullable<typeof site>).filter(isDifferent);
    expect(
      rows.map(({ name, drifted, waits, uneven, absent }) => [
        name,
        drifted,
        waits,
        uneven,
        absent.map(({ data }) => data.name),
      ]),
    ).toEqual([
      ["hot_standby", false, true, false, []],
      ["log_statement", false, false, true, ["a"]],
      ["work_mem", true, false, true, []],
    ]);
  });
});
