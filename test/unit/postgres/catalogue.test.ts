import { describe, expect, test } from "vitest";
import {
  catalogue,
  context,
  findSetting,
  isCustomName,
  isReloadable,
  recoveryParameters,
  versionsOf,
} from "../../../postgres/settings/catalogue.js";
import { majors } from "../../../postgres/versions.js";

describe("the catalogue", () => {
  test("names are found whatever their case, and keep the server's spelling", () => {
    expect(findSetting("15", "timezone")?.name).toBe("TimeZone");
    expect(findSetting("9.0", "DATESTYLE")?.name).toBe("DateStyle");
  });

  test("every version has its settings, with the version on each", () => {
    for (const major of majors) {
      expect(findSetting(major, "max_connections")).toMatchObject({ major, type: "integer", context: "postmaster" });
    }
    expect(catalogue("15").size).toBeGreaterThan(340);
  });

  test("recovery.conf has typed parameters before 12 and none from 12 on", () => {
    expect(recoveryParameters("9.0").get("standby_mode")).toMatchObject({ type: "bool", context: "postmaster" });
    expect(recoveryParameters("9.3").get("pause_at_recovery_target")?.type).toBe("bool");
    expect(recoveryParameters("9.4").get("recovery_min_apply_delay")).toMatchObject({ type: "integer", unit: "ms" });
    expect(recoveryParameters("11").get("recovery_target_action")?.values).toEqual(["pause", "promote", "shutdown"]);
    expect(recoveryParameters("12").size).toBe(0);
    for (const major of majors) expect(() => recoveryParameters(major)).not.toThrow();
  });

  test("values that only some builds have are listed with the others", () => {
    expect(findSetting("15", "wal_compression")?.values).toContain("zstd");
    expect(findSetting("14", "wal_compression")?.type).toBe("bool");
  });

  test("the versions of a name are told, oldest first", () => {
    expect(versionsOf("summarize_wal")).toEqual(["17", "18"]);
    expect(versionsOf("checkpoint_segments").at(-1)).toBe("9.4");
    expect(versionsOf("no_such_setting")).toEqual([]);
  });

  test("primary_conninfo needs a restart until 12 and a reload from 13 on", () => {
    expect(context("9.6", "primary_conninfo")).toBe("restart");
    expect(context("12", "primary_conninfo")).toBe("restart");
    expect(context("13", "primary_conninfo")).toBe("reload");
    expect(isReloadable("13", "primary_conninfo")).toBe(true);
  });

  test("restore_command needs a restart until 13 and a reload from 14 on", () => {
    expect(context("13", "restore_command")).toBe("restart");
    expect(context("14", "restore_command")).toBe("reload");
  });

  test("a change of other settings needs what their context says", () => {
    expect(context("15", "shared_buffers")).toBe("restart");
    expect(context("15", "work_mem")).toBe("reload");
    expect(context("15", "log_connections")).toBe("reconnect");
    expect(context("15", "block_size")).toBe("nothing");
    expect(context("15", "auto_explain.log_min_duration")).toBe("reload");
    expect(context("15", "no_such_setting")).toBeUndefined();
  });

  test("a custom name has one dot between two identifiers", () => {
    expect(isCustomName("auto_explain.log_analyze")).toBe(true);
    for (const name of ["plain", "a.b.c", ".a", "a.", "a b.c", "1.2"]) expect(isCustomName(name)).toBe(false);
  });
});
