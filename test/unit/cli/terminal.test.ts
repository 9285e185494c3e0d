import { describe, expect, it } from "vitest";
import { styleOf } from "../../../cli/terminal.js";

const terminal = { isTTY: true, columns: 100 };
const colour = (stream: Parameters<typeof styleOf>[0], env: Readonly<Record<string, string>>) =>
  styleOf(stream, { TERM: "xterm-256color", ...env }).colour;

describe("colour", () => {
  it("is there where the terminal has it, and nobody asked for none", () => {
    expect(colour(terminal, {})).toBe(true);
    expect(colour(terminal, { NO_COLOR: "1" })).toBe(false);
    expect(colour(terminal, { TERM: "dumb" })).toBe(false);
    expect(colour(terminal, { FORCE_COLOR: "0" })).toBe(false);
  });

  it("is not there in a file or a pipe, unless it is asked for", () => {
    expect(colour({}, {})).toBe(false);
    expect(colour({}, { FORCE_COLOR: "1" })).toBe(true);
    expect(colour({}, { FORCE_COLOR: "0" })).toBe(false);
  });
});

describe("the locale", () => {
  it("decides whether lines are drawn or written in ASCII: LC_ALL before LC_CTYPE before LANG", () => {
    const unicode = (env: Readonly<Record<string, string>>) => styleOf(terminal, env).unicode;
    expect(unicode({ LANG: "en_US.UTF-8" })).toBe(true);
    expect(unicode({ LANG: "C", LC_CTYPE: "C.utf8" })).toBe(true);
    expect(unicode({ LANG: "en_US.UTF-8", LC_ALL: "C" })).toBe(false);
    expect(unicode({ LANG: "de_DE.ISO-8859-1" })).toBe(false);
    expect(unicode({ LANG: "en_US.UTF-8", LC_ALL: "" })).toBe(true);
    expect(unicode({})).toBe(false);
  });
});

describe("the width", () => {
  it("is that of a terminal; a file has none", () => {
    expect(styleOf(terminal, {}).columns).toBe(100);
    expect(styleOf({ columns: 100 }, {})).not.toHaveProperty("columns");
  });
});
