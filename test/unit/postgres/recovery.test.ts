import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseRecoveryConf, renderRecovery } from "../../../postgres/files/recovery.js";
import { majors } from "../../../postgres/versions.js";

const parameters = { primary_conninfo: "host=a password='it\\'s\\\\'", restore_command: 'cp "a" %p' };
const old = majors.slice(0, majors.indexOf("12"));

describe("the files that make a standby", () => {
  test("from 9.1 to 11 recovery.conf has quotes and backslashes doubled", () => {
    const text = [
      "# standby",
      "",
      "primary_conninfo = 'host=a password=''it\\\\''s\\\\\\\\'''",
      `restore_command = 'cp "a" %p'`,
      "standby_mode = 'on'",
      "",
    ].join("\n");
    expect(renderRecovery("9.1", { standby: true, parameters, header: ["standby"] })).toEqual({
      "recovery.conf": text,
      "recovery.done": null,
    });
    expect(renderRecovery("11", { standby: true, parameters, header: ["standby"] })).toEqual({
      "recovery.conf": text,
      "recovery.done": null,
    });
  });

  test("at 9.0 a backslash is itself, in the header too", () => {
    expect(renderRecovery("9.0", { standby: true, parameters, header: ["C:\\\\x"] })).toEqual({
      "recovery.conf": [
        "# C:\\\\x",
        "",
        "primary_conninfo = 'host=a password=''it\\''s\\\\'''",
        `restore_command = 'cp "a" %p'`,
        "standby_mode = 'on'",
        "",
      ].join("\n"),
      "recovery.done": null,
    });
  });

  test("at 9.0 a line break cannot be written, and the value is not quoted back", () => {
    expect(() => renderRecovery("9.0", { standby: true, parameters: { restore_command: "a\nb" } })).toThrow(
      new Error("restore_command has a line break or NUL in it, which 9.0's recovery.conf cannot hold"),
    );
  });

  test("a primary has no recovery.conf, and nobody what a promotion left of one; from 12 on nobody has, and standby.signal is empty", () => {
    expect(renderRecovery("11", { standby: false, parameters: {} })).toEqual({
      "recovery.conf": null,
      "recovery.done": null,
    });
    const none = { "recovery.conf": null, "recovery.signal": null };
    expect(renderRecovery("12", { standby: true, parameters: {} })).toEqual({ ...none, "standby.signal": "" });
    expect(renderRecovery("18", { standby: false, parameters: {} })).toEqual({ ...none, "standby.signal": null });
  });

  test("every version reads back what is rendered for it", () => {
    const name = fc.stringMatching(/^[a-z_]{1,20}$/).filter((one) => !/^include/.test(one));
    const value = fc.string({ unit: "binary" }).filter((one) => !/[\n\0]/.test(one));
    fc.assert(
      fc.property(
        fc.dictionary(name, value, { noNullPrototype: true }),
        fc.array(fc.string()),
        fc.constantFrom(...old),
        (values, header, major) => {
          const files = renderRecovery(major, { standby: true, parameters: values, header });
          const parsed = parseRecoveryConf(major, files["recovery.conf"] ?? "");
          expect(parsed.problems).toEqual([]);
          expect(parsed.values).toEqual({ ...values, standby_mode: "on" });
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe("parsing recovery.conf", () => {
  test("9.0 reads quoted values alone, case matters, and the last line of a name wins", () => {
    const text = [
      "# comment",
      "  standby_mode = 'off' # comment",
      "standby_mode='on'",
      "Trigger_File 'C:\\n''x'''\r",
      "port = 5442",
      "a = 'open",
      "b = 'x' y",
      "",
    ].join("\n");
    expect(parseRecoveryConf("9.0", text)).toEqual({
      values: { standby_mode: "on", Trigger_File: "C:\\n'x'" },
      lines: [
        { name: "standby_mode", value: "off", line: 2 },
        { name: "standby_mode", value: "on", line: 3 },
        { name: "Trigger_File", value: "C:\\n'x'", line: 4 },
      ],
      includes: [],
      problems: ["port = 5442", "a = 'open", "b = 'x' y"].map((line, index) => ({
        path: `line ${index + 5}`,
        message: `"${line}" is not a parameter; allowed: name = 'value'`,
        severity: "error",
      })),
    });
  });

  test("from 9.1 on it is read as postgresql.conf is", () => {
    expect(parseRecoveryConf("9.1", "standby_mode = on\ntrigger_file = 'C:\\n'\n").values).toEqual({
      standby_mode: "on",
      trigger_file: "C:\n",
    });
  });

  test("any text at all is read without throwing", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void parseRecoveryConf("9.0", text)));
  });
});
