import { describe, expect, it } from "vitest";
import { type End, endOf, isCertain } from "../../../hosts/peer.js";

const entry =
  " 0100007F:9C4A 0100007F:A3F1 01 00000000:00000000 00:00000000 00000000  1001        0 48213 1 0000000000000000 20 4";
const theirs: End = { isEstablished: true, uid: 1001, inode: 48213 };
const ours: End = { isEstablished: true, uid: 0, inode: 77 };

describe("the end of a connection, as the kernel lists it", () => {
  it("is read from its addresses on", () => {
    expect(endOf(entry)).toEqual(theirs);
    expect(endOf(entry.replace(" 01 ", " 05 ").replace("1001 ", "0 ").replace("48213", "0"))).toEqual({
      isEstablished: false,
      uid: 0,
      inode: 0,
    });
  });

  it("tells whose it is only where both looks are at one connection that was open all the time", () => {
    expect(isCertain(theirs, theirs, ours, 77)).toBe(true);
    const closed = { isEstablished: false, uid: 0, inode: 0 };
    expect(isCertain(closed, closed, ours, 77)).toBe(false);
    // Read while it was being closed: the owner was gone already, the rest not yet.
    expect(isCertain({ ...theirs, uid: 0 }, closed, ours, 77)).toBe(false);
    expect(isCertain({ ...theirs, inode: 0 }, { ...theirs, inode: 0 }, ours, 77)).toBe(false);
    // Closed, and its ports in use again.
    expect(isCertain(theirs, { ...theirs, inode: 5 }, ours, 77)).toBe(false);
    expect(isCertain(theirs, theirs, { ...ours, inode: 78 }, 77)).toBe(false);
    expect(isCertain(theirs, theirs, { ...ours, isEstablished: false }, 77)).toBe(false);
  });
});
