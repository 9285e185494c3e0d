import { Effective } from "../settings/effective.js";
import { atLeast, type Major } from "../versions.js";
import type { MemoryFacts, StartObstacle } from "./model.js";

type Settings = Readonly<Record<string, string>>;

/** A dry start takes no more than this for shared_buffers, in bytes: the rest is added up. */
const enough = 128 * 1024 * 1024;

/** shared_buffers as declared, and those of a dry start. In bytes. */
export function buffersOf(major: Major, settings: Settings): { readonly declared: number; readonly tried: number } {
  const declared = new Effective(major, settings).number("shared_buffers") * 8192;
  return { declared, tried: Math.min(declared, enough) };
}

/**
 * Whether the kernel gives a server its shared memory once the one that runs has given its own back. Each limit is one by which
 * the kernel itself refuses; where memory is only short it does not, and neither do we.
 * @param asked what a dry start with `tried` for shared_buffers asked for, in bytes: the server asks for that much more at least
 */
export function shortOfMemory(
  major: Major,
  settings: Settings,
  asked: number,
  facts: MemoryFacts,
): StartObstacle | undefined {
  const { declared, tried } = buffersOf(major, settings);
  const needs = asked - tried + declared;
  const effective = new Effective(major, settings);
  const short = (has: number | undefined, limit: "machine" | "commit" | "segment"): StartObstacle | undefined =>
    has === undefined || needs <= has ? undefined : { code: "memory", needs, has, limit };
  if (isSystemV(major, effective)) {
    const found = short(facts.shmmax, "segment");
    if (found !== undefined) return found;
  } else if (atLeast(major, "9.4") && effective.is("huge_pages", "on")) {
    return shortOfHugePages(major, effective, needs, facts);
  }
  const { total, swap = 0, commitLimit, committed, overcommit, held } = facts;
  if (overcommit === 0) return short(total === undefined ? undefined : total + swap, "machine");
  if (overcommit !== 2 || commitLimit === undefined || committed === undefined) return undefined;
  return short(commitLimit - committed + held, "commit");
}

function isSystemV(major: Major, effective: Effective): boolean {
  return !atLeast(major, "9.3") || (atLeast(major, "12") && effective.is("shared_memory_type", "sysv"));
}

function shortOfHugePages(
  major: Major,
  effective: Effective,
  needs: number,
  { hugePages, hugePageSize, heldHuge }: MemoryFacts,
): StartObstacle | undefined {
  const declared = atLeast(major, "14") ? effective.number("huge_page_size") * 1024 : 0;
  const size = declared > 0 ? declared : (hugePageSize ?? 0);
  if (size === 0) return { code: "hugePages", needs: 0, has: 0, size };
  const pool = hugePages.find((one) => one.size === size);
  const free = pool === undefined ? 0 : Math.max(0, pool.free - pool.reserved) + pool.surplus;
  const has = free + (pool === undefined ? 0 : Math.floor(heldHuge / size));
  const pages = Math.ceil(needs / size);
  return pages <= has ? undefined : { code: "hugePages", needs: pages, has, size };
}
