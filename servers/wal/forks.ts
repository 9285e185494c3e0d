import { join } from "node:path";
import type { Host } from "../../hosts/host.js";
import type { Major } from "../../postgres/versions.js";
import { beginningsIn, type Fork, type Left } from "../../postgres/wal/forks.js";
import { formatOf } from "../../postgres/wal/formats.js";
import { isPage, layoutOf, pageTimeline, type WalLayout } from "../../postgres/wal/pages.js";
import { bytesOfLsn } from "../sql/sql.js";
import { namesOf } from "../sql/versions.js";
import { countWhile } from "./halving.js";
import { isSegment, segmentAfter, startOf } from "./walSegments.js";

/** A history file (timeline.c): `1<tab>0/3000148<tab>why` in each line, oldest first; until 9.2 a segment's name for the position. */
export function parseHistory(text: string): readonly Left[] {
  return text.split("\n").flatMap((line): Left[] => {
    const [, timeline, segment, until] =
      /^\s*(\d+)\s+(?:([0-9A-F]{24})|([0-9A-Fa-f]+\/[0-9A-Fa-f]+))(?=\s|$)/.exec(line) ?? [];
    if (timeline === undefined) return [];
    if (segment !== undefined) return [{ timeline: Number(timeline), segment }];
    return until === undefined ? [] : [{ timeline: Number(timeline), until: bytesOfLsn(until) }];
  });
}

/** What is certain of a place where a timeline was left, by its history file alone. @param size bytes of a segment; undefined where nobody knows */
export function boundsOf(left: Left, size: number | undefined): Fork {
  const { timeline } = left;
  if ("until" in left) return { timeline, until: left.until };
  if (size === undefined) return { timeline, until: 0n, latest: (1n << 64n) - 1n };
  const until = startOf(left.segment, size);
  return { timeline, until, latest: until + BigInt(size) };
}

/** What a timeline came from, as its history file tells, and until 9.2 the WAL with which it began; nothing where there is no such file. */
export async function historyOf(
  host: Host,
  dataDirectory: string,
  version: Major,
  timeline: number,
): Promise<readonly Fork[]> {
  const folder = join(dataDirectory, namesOf(version).walDirectory);
  const name = `${timeline.toString(16).toUpperCase().padStart(8, "0")}.history`;
  const history = parseHistory((await host.readFile(join(folder, name)))?.toString("utf8") ?? "");
  return Promise.all(
    history.map((left, index) => {
      const next = history[index + 1]?.timeline ?? timeline;
      return "until" in left ? { ...left } : forkIn(host, folder, version, { ...left, next });
    }),
  );
}

/** A timeline that was left in a segment, and the one that left it. */
interface LeftIn {
  readonly timeline: number;
  readonly segment: string;
  readonly next: number;
}

async function forkIn(host: Host, folder: string, version: Major, left: LeftIn): Promise<Fork> {
  const { timeline, segment, next } = left;
  const own = `${next.toString(16).toUpperCase().padStart(8, "0")}${segment.slice(8)}`;
  const size = (await host.stat(join(folder, own)))?.size;
  const known = boundsOf(left, size ?? (await anySize(host, folder)));
  const header = size === undefined ? undefined : await host.readBytes(join(folder, own), 0, pageHeader);
  const layout = header === undefined ? undefined : layoutOf(header, known.until, version);
  if (layout === undefined || layout.segment !== size) return known;
  const wal: Beginning = { host, folder, version, layout, segment: own, start: known.until, next };
  const found = (await nearEnd(wal)) ?? (await anywhere(wal));
  const [earliest, ...more] = found ?? [];
  if (earliest === undefined) return known;
  const latest = more.at(-1);
  if (latest === undefined) return { timeline, until: earliest };
  const until = await asCopied(wal, segment, [earliest, ...more]);
  return until === undefined ? { timeline, until: earliest, latest } : { timeline, until };
}

/** Bytes of what is looked at of a page: a long header. */
const pageHeader = 64;

/** The first segment of a timeline: a copy of the one in which it left its parent, up to there; then its own WAL. */
interface Beginning {
  readonly host: Host;
  readonly folder: string;
  readonly version: Major;
  readonly layout: WalLayout;
  readonly segment: string;
  readonly start: bigint;
  /** The timeline that begins. */
  readonly next: number;
}

/** Around the first page that names the timeline: what is copied behind the beginning may mislead, and is then not what is sought. */
async function nearEnd(wal: Beginning): Promise<readonly bigint[] | undefined> {
  const { host, folder, version, layout, segment, start, next } = wal;
  const path = join(folder, segment);
  const isCopied = async (index: number) => {
    const bytes = await host.readBytes(path, index * layout.page, pageHeader);
    const at = start + BigInt(index * layout.page);
    return bytes !== undefined && isPage(bytes, 0, at, version) && pageTimeline(bytes) < next;
  };
  const first = await countWhile(layout.segment / layout.page, isCopied);
  const from = Math.max(0, first - 8) * layout.page;
  const bytes = await host.readBytes(path, from, 11 * layout.page);
  if (bytes === undefined) return undefined;
  return beginningsIn(bytes, start + BigInt(from), layout, version, { timeline: next, isFirst: from === 0 });
}

/** In the whole segment, and the beginning of the next: it may have been left at its very end. */
async function anywhere(wal: Beginning): Promise<readonly bigint[] | undefined> {
  const { host, folder, version, layout, segment, start, next } = wal;
  const after = segmentAfter(segment, layout.segment, version);
  const [bytes, more] = await Promise.all([
    host.readBytes(join(folder, segment), 0, layout.segment),
    host.readBytes(join(folder, after), 0, 2 * layout.page),
  ]);
  if (bytes === undefined) return undefined;
  const pages = Buffer.concat([bytes, ...(more === undefined || bytes.length < layout.segment ? [] : [more])]);
  return beginningsIn(pages, start, layout, version, { timeline: next, isFirst: true });
}

/**
 * Which of several places it is, by the segment of the old timeline that was copied: what the new one wrote is not in that.
 * Undefined where it is gone.
 */
async function asCopied(
  { host, folder, version, segment, start }: Beginning,
  old: string,
  places: readonly bigint[],
): Promise<bigint | undefined> {
  const [first = start, last = start] = [places[0], places.at(-1)];
  const from = Number(first - start);
  const length = Number(last - first) + formatOf(version).page.long + formatOf(version).record.length;
  const [own, theirs] = await Promise.all(
    [segment, old].map((name) => host.readBytes(join(folder, name), from, length)),
  );
  if (own === undefined || theirs === undefined || own.length !== theirs.length) return undefined;
  const header = await host.readBytes(join(folder, old), 0, pageHeader);
  if (header === undefined || layoutOf(header, start, version) === undefined) return undefined;
  const differs = own.findIndex((byte, index) => byte !== theirs[index]);
  return differs < 0 ? undefined : places.findLast((place) => place - start - BigInt(from) <= BigInt(differs));
}

/** Bytes of a segment, by any that is there. */
async function anySize(host: Host, folder: string): Promise<number | undefined> {
  const name = ((await host.list(folder)) ?? []).find(isSegment);
  return name === undefined ? undefined : (await host.stat(join(folder, name)))?.size;
}
