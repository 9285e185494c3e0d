import type { DesiredServer, Failover, MirrorAfter, Switchover } from "./model.js";
import { followsOver } from "./promotion.js";

/** A server of another stack that follows one of this stack. */
export interface KnownMirror {
  readonly name: string;
  /** The stack that describes it, where that is named. */
  readonly stack?: string;
  /** The servers of this stack that it may follow, by name. Left out where that is not known. */
  readonly follows?: readonly string[];
}

/** What becomes of the mirrors that follow, or may follow, a primary that hands over or is lost. */
export function mirrorsAfter(
  mirrors: readonly KnownMirror[],
  act: { readonly switchover?: Switchover; readonly failover?: Failover },
  desired: Readonly<Record<string, DesiredServer>>,
): readonly MirrorAfter[] {
  const takeover = act.switchover ?? act.failover;
  if (takeover === undefined) return [];
  const { from, to } = takeover;
  const next = desired[to];
  if (next === undefined) return [];
  return mirrors.flatMap(({ name, stack, follows }): readonly MirrorAfter[] => {
    const stays = !followsOver(next.version);
    // Where nobody follows over the line, those of another server are left behind with that.
    if (follows !== undefined && !follows.includes(from) && !(stays && follows.some((one) => desired[one]))) return [];
    const after = { mirror: name, from, to, ...(stack === undefined ? {} : { stack }) };
    const known = follows === undefined ? {} : { known: true as const };
    if (stays) return [{ ...after, ...known, fate: "seeded again" }];
    if (follows?.includes(to) === true) return [{ ...after, ...known, fate: "follows by itself" }];
    if (act.failover !== undefined) return [{ ...after, ...known, fate: "cut off", because: "lost" }];
    const old = desired[from];
    if (old === undefined) return [];
    if (!old.hotStandby) return [{ ...after, ...known, fate: "cut off", because: "warm" }];
    return [{ ...after, ...known, fate: "streams on" }];
  });
}
