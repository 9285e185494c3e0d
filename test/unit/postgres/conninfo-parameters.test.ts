import { describe, expect, test } from "vitest";
import { checkConninfo } from "../../../postgres/conninfo-parameters.js";
import { majors } from "../../../postgres/versions.js";

describe("connection parameters by version", () => {
  test("what a standby needs is known to every version", () => {
    const conninfo = { host: "h", port: "5442", user: "dbadmin", application_name: "server3", sslmode: "prefer" };
    for (const major of majors) expect(checkConninfo(conninfo, major, "upstream")).toEqual([]);
  });

  test("a parameter that the version lacks is an error that says when it comes", () => {
    expect(checkConninfo({ passfile: "/x" }, "9.6", "upstream")).toEqual([
      { path: "upstream.passfile", message: "passfile comes with 10; 9.6 does not know it", severity: "error" },
    ]);
    expect(checkConninfo({ passfile: "/x" }, "10", "upstream")).toEqual([]);
    expect(checkConninfo({ gssencmode: "disable" }, "11", "u")[0]?.message).toBe(
      "gssencmode comes with 12; 11 does not know it",
    );
  });

  test("a parameter that is gone says with which version", () => {
    expect(checkConninfo({ tty: "" }, "13", "u")).toEqual([]);
    expect(checkConninfo({ tty: "" }, "14", "u")[0]?.message).toBe("tty ended with 13");
  });

  test("an unknown one names the nearest, and no value is shown", () => {
    const [problem] = checkConninfo({ passwrd: "secret" }, "15", "u");
    expect(problem?.message).toBe('"passwrd" is no connection parameter (did you mean password?)');
  });

  test("names that every object has are no parameters, and one left out is not asked about", () => {
    expect(checkConninfo({ constructor: "x" }, "15", "u")).toHaveLength(1);
    expect(checkConninfo({ nonsense: undefined }, "15", "u")).toEqual([]);
  });
});
