/**
 * The shortest part of a sequence that still fails, as far as the time allows: runs of steps are left out, first halves, in the
 * end single ones (delta debugging, Zeller 1999). Steps keep their order.
 *
 * @param fails whether a sequence fails still; asked one after the other
 * @param mayGoOn false when the time is over: what was found by then is the answer
 */
export async function shortest<T>(
  sequence: readonly T[],
  fails: (shorter: readonly T[]) => Promise<boolean>,
  mayGoOn: () => boolean = () => true,
): Promise<readonly T[]> {
  let kept = sequence;
  let size = Math.ceil(kept.length / 2);
  while (kept.length > 1 && mayGoOn()) {
    const shorter = await firstThatFails(kept, size, fails, mayGoOn);
    if (shorter !== undefined) {
      kept = shorter;
      size = Math.min(size, Math.ceil(kept.length / 2));
    } else if (size === 1) return kept;
    else size = Math.ceil(size / 2);
  }
  return kept;
}

async function firstThatFails<T>(
  sequence: readonly T[],
  size: number,
  fails: (shorter: readonly T[]) => Promise<boolean>,
  mayGoOn: () => boolean,
): Promise<readonly T[] | undefined> {
  for (let start = 0; start < sequence.length && mayGoOn(); start += size) {
    const shorter = [...sequence.slice(0, start), ...sequence.slice(start + size)];
    if (shorter.length > 0 && (await fails(shorter))) return shorter;
  }
  return undefined;
}
