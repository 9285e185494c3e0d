import { describe, expect, it } from "vitest";
import { wantedAddresses } from "../../../config/listening.js";
import { collide, parseAddress } from "../../../preflight/listeners.js";
import { Lines, parseFacts } from "../../../preflight/parse.js";

const facts = (text: string, sent = 100, received = 101) => parseFacts(new Lines(text), { sent, received }, ["db1"]);

describe("what a host printed", () => {
  it("is read by key, values with = and spaces whole", () => {
    const { servers } = facts("server.db1.parent=no root /data/a = b c\nserver.db1.data=absent\nend=yes\n");
    expect(servers.db1?.parent).toEqual({ path: "/data/a = b c", owner: "root", writable: false, way: [] });
  });

  it("tells a file system by its blocks, and the nearest thing to unlimited for what is not said", () => {
    const { servers, openFiles, kernel } = facts("server.db1.disk=ab12 4096 100 ext2/ext3\nfiles=unlimited\n");
    expect(servers.db1?.disk).toEqual({ id: "ab12", type: "ext2/ext3", free: 409600 });
    expect(openFiles).toBe(Number.POSITIVE_INFINITY);
    expect(kernel.shmmax).toBe(Number.POSITIVE_INFINITY);
  });

  it("tells who listens", () => {
    const { servers } = facts("server.db1.listener=0200407F www-data/33 812,813/nginx: master\n");
    expect(servers.db1?.listeners).toEqual([
      { address: "127.64.0.2", user: "www-data", processes: [812, 813], program: "nginx: master" },
    ]);
    expect(facts("server.db1.listener=00000000 /1234 /\n").servers.db1?.listeners).toEqual([
      { address: "0.0.0.0", user: "1234", processes: [], program: "" },
    ]);
  });

  it("tells the clock within the round trip", () => {
    const { clock } = facts("clock.began=105.300000000\nclock.ended=105.700000000\n");
    expect(clock.ahead).toBeCloseTo(5);
    expect(clock.uncertainty).toBeCloseTo(0.3);
    expect(facts("clock.began=105\nclock.ended=105\n").clock.uncertainty).toBeCloseTo(1.5);
    expect(facts("").clock.uncertainty).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("addresses that listen", () => {
  it.each([
    ["0100007F", "little", "127.0.0.1"],
    ["7F000001", "big", "127.0.0.1"],
    ["00000000000000000000000000000000", "little", "::"],
    ["00000000000000000000000001000000", "little", "::1"],
    ["0000000000000000FFFF00000100007F", "little", "127.0.0.1"],
  ] as const)("%s of a %s-endian host is %s", (hex, order, address) => {
    expect(parseAddress(hex, order)).toBe(address);
  });

  it.each([
    ["*", ["0.0.0.0", "::"]],
    ["localhost", ["127.0.0.1", "::1"]],
    ["192.0.2.7, db1.example", ["192.0.2.7", "192.0.2.1"]],
    ["", []],
  ])("listen_addresses %j", (text, addresses) => {
    expect(wantedAddresses(text, "192.0.2.1")).toEqual(addresses);
  });

  it.each([
    ["127.0.0.2", "127.0.0.3", false],
    ["127.0.0.2", "0.0.0.0", true],
    ["0.0.0.0", "127.0.0.2", true],
    ["127.0.0.2", "::", true],
    ["::1", "0.0.0.0", false],
  ])("%s and %s collide: %s", (one, other, expected) => {
    expect(collide(one, other)).toBe(expected);
  });
});
