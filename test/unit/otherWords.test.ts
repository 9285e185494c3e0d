import { describe, expect, it } from "vitest";
import { changed } from "../support/otherWords/build.js";
import { differing } from "../support/otherWords/compare.js";
import { inOtherWords, OtherError, otherWords } from "../support/otherWords/words.js";

describe("other words", () => {
  it("are others wherever there is a letter, tell apart what differs, and stay what they are", () => {
    expect(otherWords("db1: Stopped, 5 s")).not.toMatch(/[A-Za-z]/);
    expect(otherWords("ab")).not.toBe(otherWords("ba"));
    expect(otherWords(otherWords("ab: 12"))).toBe(otherWords("ab: 12"));
    const { severity, message } = inOtherWords({ severity: "info", message: "it runs" });
    expect([severity, message]).toEqual(["info", otherWords("it runs")]);
  });

  it("are in errors of ours, which are still errors, each of its own class", () => {
    class Refused extends OtherError {}
    const [ours, theirs] = [new Refused("no"), new TypeError("no")];
    expect([ours.message, theirs.message]).toEqual([otherWords("no"), "no"]);
    expect([ours instanceof OtherError, theirs instanceof OtherError]).toEqual([true, true]);
    expect([ours instanceof Refused, theirs instanceof Refused]).toEqual([true, false]);
  });

  it("come from what makes sentences", () => {
    const source = changed("servers/words/a.ts", 'export function say(): string { return "it runs"; }');
    expect(source).toContain("export { say$ as say }");
    expect(changed("servers/a.ts", "export function say() {}")).toContain("export function say() {}");
  });

  it("are no difference where words are for people, and one where they are not", () => {
    const one = { message: "it runs", facts: { there: "5MB" }, there: "5MB" };
    const other = { message: otherWords("it runs"), facts: { there: "5MB" }, there: otherWords("5MB") };
    expect(differing(one, other)).toEqual([]);
    expect(differing(one, { ...other, message: "it runs" })).toHaveLength(1);
    expect(differing(one, { ...other, facts: { there: otherWords("5MB") } })).toHaveLength(1);
    expect(differing({ server: "db1" }, { server: otherWords("db1") })).toHaveLength(1);
  });
});
