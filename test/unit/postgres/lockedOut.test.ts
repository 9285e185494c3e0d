import { describe, expect, it } from "vitest";
import { lockOfRefusal } from "../../../postgres/lockedOut.js";
import { bypassingLogin, wayInOfRoles, wayInSettings } from "../../../postgres/settings/wayIn.js";

describe("which lock a refusal is", () => {
  it.each([
    ["28000", "ClientAuthentication", "noRule"],
    ["28000", "auth_failed", "otherRules"],
    ["28000", "InitializeSessionUserId", "role"],
    ["28P01", "auth_failed", "password"],
    ["53300", "InitializeSessionUserId", "roleLimit"],
    ["53300", "CheckMyDatabase", "database"],
    ["53300", "InitProcess", "full"],
    ["55000", "CheckMyDatabase", "database"],
    ["58P01", "internal_load_library", "login"],
    ["P0001", "exec_stmt_raise", "login"],
  ])("is told by %s of %s: %s", (code, routine, lock) => {
    expect(lockOfRefusal({ code, routine })).toBe(lock);
  });

  it.each([["57P03"], ["57P01"], ["08006"], ["3D000"], ["ECONNREFUSED"], [undefined]])("is none by %s", (code) => {
    expect(lockOfRefusal({ code })).toBeUndefined();
  });
});

describe("what decides who comes in", () => {
  it("is what the version knows", () => {
    expect(bypassingLogin("9.0")).toEqual({
      local_preload_libraries: "",
      statement_timeout: "0",
      default_transaction_read_only: "off",
    });
    expect(bypassingLogin("17")).toMatchObject({ session_preload_libraries: "", event_triggers: "off" });
    expect(wayInSettings("9.3")).not.toContain("session_preload_libraries");
    expect(wayInSettings("18")).toContain("session_preload_libraries");
    expect(wayInOfRoles("18")).toContain("role");
  });
});
