import { describe, expect, it } from "vitest";
import { keyText } from "../../../hosts/key.js";

describe("the key of data", () => {
  it("is the same whatever order its properties came in, at any depth", () => {
    const one = [{ name: "a", proof: { tls: "none", asks: ["md5", "password"] } }, undefined];
    const other = [{ proof: { asks: ["md5", "password"], tls: "none" }, name: "a" }, undefined];
    expect(keyText(other)).toBe(keyText(one));
  });

  it("is another for other data, and for a list in another order", () => {
    expect(keyText({ asks: ["md5", "password"] })).not.toBe(keyText({ asks: ["password", "md5"] }));
    expect(keyText({ name: "a" })).not.toBe(keyText({ name: "b" }));
  });
});
