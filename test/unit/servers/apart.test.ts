import { describe, expect, it } from "vitest";
import { type Apart, parseApart, staysInside } from "../../../servers/data/apart.js";

const mountinfo = [
  "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw",
  "40 22 8:17 / /data/db rw,relatime shared:3 - ext4 /dev/sdb1 rw",
  "41 40 8:33 / /data/db/base/my\\040files rw,relatime - ext4 /dev/sdc1 rw",
  "42 22 8:49 / /data/db2/pg_wal rw,relatime - ext4 /dev/sdd1 rw",
].join("\n");

const printed = (...links: readonly string[]) =>
  `/data/db\0${links.map((field) => `${field}\0`).join("")}\0${mountinfo}\n`;

describe("what a data directory has elsewhere", () => {
  it("is links with what they lead to, and what is mounted in it, also by a name with a space; nothing of the folder beside it", () => {
    const found = parseApart(
      printed(
        "./pg_wal",
        "/wal/db",
        "/wal/db",
        "directory",
        "./postgresql.conf",
        "../c",
        "",
        "",
        "./x",
        "y",
        "/data/db/y",
        "regular file",
      ),
    );
    expect(found).toEqual([
      { kind: "mount", path: "", says: "", leadsTo: "/data/db", type: "directory" },
      { kind: "mount", path: "base/my files", says: "", leadsTo: "/data/db/base/my files", type: "directory" },
      { kind: "link", path: "pg_wal", says: "/wal/db", leadsTo: "/wal/db", type: "directory" },
      { kind: "link", path: "postgresql.conf", says: "../c", type: "other" },
      { kind: "link", path: "x", says: "y", leadsTo: "/data/db/y", type: "file" },
    ]);
  });

  it("is nothing where the folder is not there", () => expect(parseApart("")).toEqual([]));

  it.each([
    ["log", "pg_log", true],
    ["a/b", "../c", true],
    ["a/b", "../../c", false],
    ["a/b", "..", true],
    ["a", "..", false],
    ["a", "..c", true],
    ["a", "/data/db/c", false],
  ])("by the link %s → %s", (path, says, inside) => {
    expect(staysInside({ kind: "link", path, says, type: "directory" } satisfies Apart)).toBe(inside);
  });
});
