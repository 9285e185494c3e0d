import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { differences, formatPath, same, unwrap, wrap } from "../../../provider/protocol/wire.js";

const secret = (value: unknown) => ({
  "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
  value,
});
const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

describe("values at the provider's edge", () => {
  it("are plain behind it, with secrets' places kept", () => {
    expect(unwrap({ a: secret("x"), b: { c: [1, secret({ d: 2 })] } })).toEqual({
      properties: { a: "x", b: { c: [1, { d: 2 }] } },
      secrets: [["a"], ["b", "c", 1]],
      unknown: false,
    });
  });

  it("are told to be unknown wherever one is", () => {
    expect(unwrap({ a: { b: [secret(unknown)] } }).unknown).toBe(true);
  });

  it("get their envelopes back where a value still is", () => {
    expect(wrap({ a: "x", b: { c: undefined } }, [["a"], ["b", "c"], ["gone"]])).toEqual({ a: secret("x"), b: {} });
  });

  it("come out as they went in", () => {
    const name = fc.string({ minLength: 1, maxLength: 3 }).filter((key) => key !== "__proto__");
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 3 },
        fc.constantFrom<unknown>("x", 1, true),
        fc.constantFrom(secret("s"), secret(2)),
        fc.array(tie("tree"), { maxLength: 3 }),
        fc.dictionary(name, tie("tree"), { maxKeys: 3 }),
      ),
    }));
    fc.assert(
      fc.property(fc.dictionary(name, tree), (wire) => {
        const { properties, secrets } = unwrap(wire);
        expect(wrap(properties, secrets)).toEqual(wire);
        expect(same(properties, unwrap(wire).properties)).toBe(true);
      }),
    );
  });
});

describe("differences", () => {
  it("are found at their deepest place, and nothing is the same as undefined", () => {
    const left = { files: { "postgresql.conf": "a", gone: "b" }, plan: [], same: { x: [1] }, none: undefined };
    const right = { files: { "postgresql.conf": "c", come: "d" }, plan: ["1."], same: { x: [1] } };
    expect(differences(left, right).map(({ path, kind }) => `${kind} ${formatPath(path)}`)).toEqual([
      "add files.come",
      "delete files.gone",
      'update files["postgresql.conf"]',
      "add plan[0]",
    ]);
  });

  it("quote what the engine's paths could not say", () => {
    expect(formatPath(["a b", 'c"d', 0, "e"])).toBe('["a b"]["c\\"d"][0].e');
  });
});
