import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hostOf } from "../../../hosts/index.js";
import { atLeast } from "../../../postgres/versions.js";
import { endOfRecords, recordsIn } from "../../../postgres/wal/records.js";
import { isBeginningOf, partsAt } from "../../../servers/rejoin/parted.js";
import { bytesOfLsn } from "../../../servers/sql/sql.js";
import { partedAt } from "../../../servers/wal/divergence.js";
import { endOfReceived } from "../../../servers/wal/endOfWal.js";
import { historyOf } from "../../../servers/wal/forks.js";
import { endOfWal, hasWal } from "../../../servers/wal/shutdownCheckpoint.js";
import { branchOf, divergence, forkOf } from "../../../servers/wal/timelines.js";
import { startOf } from "../../../servers/wal/walSegments.js";
import { oldWalVersions, readOldWal } from "../../support/oldWalFixture.js";
import { judgedByUs, judgedByWords } from "../../support/oldWalJudged.js";

const page = 8192;
const size = 16 * 1024 * 1024;
const layout = { segment: size, page };

describe.each(oldWalVersions)("what PostgreSQL %s left", (version) => {
  const old = readOldWal(version);
  const { major, pages, control } = old;
  const halves = !atLeast(major, "9.3");
  const begunName = `00000002${old.segment.slice(8)}`;
  const before = startOf(old.before, size) + BigInt(size - pages.before.length);
  const both = Buffer.concat([pages.before, pages.received]);
  const end = endOfRecords(both, before, layout, major) ?? 0n;
  const host = hostOf({ name: "here", transport: "local", address: "", user: userInfo().username });
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "pgsite-test-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** A data directory with segments that begin with these pages, and nothing behind them. */
  const data = (name: string, file: Buffer, segments: Readonly<Record<string, Buffer>>) => {
    const directory = join(folder, name);
    mkdirSync(join(directory, "global"), { recursive: true });
    mkdirSync(join(directory, "pg_xlog"));
    writeFileSync(join(directory, "global", "pg_control"), file);
    for (const [segment, bytes] of Object.entries(segments)) {
      writeFileSync(join(directory, "pg_xlog", segment), bytes);
      if (/^[0-9A-F]{24}$/.test(segment)) truncateSync(join(directory, "pg_xlog", segment), size);
    }
    return directory;
  };
  const branch = async (directory: string, file: Buffer) => {
    const found = await branchOf(host, directory, major, file);
    if (found === undefined) throw new Error("no branch");
    return found;
  };
  const history = { "00000002.history": Buffer.from(old.history) };

  it("is WAL that goes over the end of 4 GB, and ends where the promotion left", () => {
    const records = [...recordsIn(both, before, layout, major)];
    expect(records.some(({ at }) => at >> 32n === 3n)).toBe(true);
    expect(records.some(({ at }) => at >> 32n === 4n)).toBe(true);
    // Until 9.2 the first record of the new timeline tells: where a page has no room for it, it is in the next.
    const left = bytesOfLsn(old.left);
    expect(left - end).toBeGreaterThanOrEqual(0n);
    expect(left - end).toBeLessThan(halves ? 48n : 1n);
  });

  it("is proven by checksums: a record with another byte in it is none", () => {
    const last = [...recordsIn(both, before, layout, major)].at(-1);
    const torn = Buffer.from(both);
    const at = both.length - pages.received.length + Number((last?.end ?? 0n) & 0xffffffffn) - 9;
    torn[at] = (torn[at] ?? 0) ^ 1;
    expect(endOfRecords(torn, before, layout, major)).toBe(last?.at);
  });

  it("tells how far a standby received, by its files", async () => {
    const directory = data("standby", control["stopped standby"].file, { [old.segment]: pages.received });
    expect(await endOfReceived(host, directory, major)).toMatchObject({ timeline: 1, position: end });
  });

  it("tells where the timeline was left; without the WAL with which the next one began, until 9.2, in which segment", async () => {
    const whole = data("whole", control["stopped primary"].file, { ...history, [begunName]: pages.begun });
    expect(await historyOf(host, whole, major, 2)).toEqual([{ timeline: 1, until: end }]);
    const recycled = data("recycled", control["stopped primary"].file, {
      ...history,
      [`${begunName.slice(0, 23)}9`]: Buffer.alloc(page),
    });
    const start = startOf(old.segment, size);
    expect(await historyOf(host, recycled, major, 2)).toEqual([
      halves ? { timeline: 1, until: start, latest: start + BigInt(size) } : { timeline: 1, until: end },
    ]);
  });

  it("tells of the old primary whether it went on, or else that nobody knows", async () => {
    const file = control["stopped primary"].file;
    const heir = data("heir", file, { ...history, [begunName]: pages.begun });
    const recycled = data("recycled", file, { ...history, [`${begunName.slice(0, 23)}9`]: Buffer.alloc(page) });
    const standby = control["stopped standby"].file;
    const same = data("same", standby, { [old.segment]: pages.received });
    // As one that received less: its last record is not there.
    const last = [...recordsIn(both, before, layout, major)].at(-1)?.at ?? 0n;
    const cut = Buffer.from(pages.received).fill(0, Number(last & 0xffffffffn));
    const less = data("less", standby, { [old.segment]: cut });
    // Another that went on: what the heir wrote, on the old timeline.
    const more = data("more", standby, { [old.segment]: pages.begun });
    const parted = async (own: string, site: string) =>
      partedAt({ host, dataDirectory: own, version: major }, await branch(own, standby), await branch(site, file));
    expect(divergence(await branch(same, standby), await branch(heir, file))).toBeUndefined();
    expect(forkOf(await branch(same, standby), await branch(heir, file))).toEqual({ timeline: 1, until: end });
    expect([await parted(same, heir), await parted(less, heir)]).toEqual([undefined, undefined]);
    expect(await parted(more, heir)).toEqual({ timeline: 1, until: end, beyond: "certainly" });
    const start = startOf(old.segment, size);
    const bounds = { timeline: 1, until: start, latest: start + BigInt(size) };
    const maybe = halves ? { ...bounds, beyond: "maybe" } : undefined;
    expect([await parted(same, recycled), await parted(less, recycled)]).toEqual([maybe, maybe]);
  });

  it("tells where the WAL of a primary ends that was shut down, and whether another has it", async () => {
    const file = control["stopped primary"].file;
    const directory = data("primary", file, { ...history, [begunName]: pages.begun });
    const whole = endOfRecords(pages.begun, startOf(old.segment, size), layout, major) ?? 0n;
    const found = (await endOfWal(host, directory, major)) ?? [];
    expect(found.map(({ segment }) => segment)).toEqual([begunName]);
    const bytes = BigInt(found[0]?.bytes ?? 0);
    expect(((bytes + 7n) / 8n) * 8n).toBe(whole & 0xffffffffn);
    const other = data("other", file, { [begunName]: Buffer.from(pages.begun).fill(0x5a, Number(bytes) - 1) });
    const at = (dataDirectory: string) => ({ host, dataDirectory });
    expect(await hasWal(at(directory), at(directory), major, found)).toBe(true);
    expect(await hasWal(at(directory), at(other), major, found)).toBe(false);
  });

  it("tells since where two wrote on one timeline, and whether one has nothing that the other has not", async () => {
    const file = control["stopped primary"].file;
    const at = (name: string, pages: Buffer) => ({
      ...{ host, version: major },
      dataDirectory: data(name, file, { ...history, [begunName]: pages }),
    });
    const whole = at("whole", pages.begun);
    const [{ bytes = 0 } = {}] = (await endOfWal(host, whole.dataDirectory, major)) ?? [];
    const other = Buffer.from(pages.begun);
    other[bytes - 20] = (other[bytes - 20] ?? 0) ^ 1;
    const start = startOf(begunName, size);
    expect(await isBeginningOf(whole, at("same", pages.begun))).toBe(true);
    expect(await isBeginningOf(whole, at("more", Buffer.concat([pages.begun, Buffer.alloc(page, 7)])))).toBe(true);
    const parted = at("other", other);
    expect(await isBeginningOf(whole, parted)).toBe(false);
    expect(await partsAt(whole, whole, 2)).toBeUndefined();
    expect(await partsAt(whole, parted, 2)).toBe(start + BigInt(bytes - 20));
    // A segment of another timeline says nothing of this one.
    expect(await partsAt(whole, parted, 1)).toBeUndefined();
  });

  it("is a control file that says the same to pgsite as to pg_controldata, in every state", () => {
    for (const { file, said } of Object.values(control)) {
      expect(judgedByUs(major, file)).toEqual(judgedByWords(major, said));
    }
  });
});
