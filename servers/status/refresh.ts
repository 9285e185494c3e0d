/**
 * Milliseconds for which an answer counts for everybody who asks in the same refresh. The engine reads a stack's resources
 * side by side in one process and tells nobody when a refresh begins or ends; its reads come within this time, and
 * whoever looks again after it (another preview in the same process) sees what is there then.
 */
const lifetime = 3000;

const answers = new Map<string, { readonly at: number; readonly answer: Promise<unknown> }>();

/**
 * The one memory of a refresh: what several resources ask for is asked once. Reads only; whoever changes something, or waits
 * for a change, asks for itself.
 * @param key what is asked, of whom and as whom
 */
export function onceARefresh<T>(key: string, ask: () => Promise<T>): Promise<T> {
  const known = recall<T>(key);
  if (known !== undefined) return known;
  const answer = ask();
  remember(key, answer);
  return answer;
}

/** What somebody found out a moment ago, of what others may ask. */
export function remember<T>(key: string, answer: Promise<T>): void {
  answers.set(key, { at: Date.now(), answer });
}

export function recall<T>(key: string): Promise<T> | undefined {
  const known = answers.get(key);
  return known !== undefined && Date.now() - known.at < lifetime ? (known.answer as Promise<T>) : undefined;
}

/** Nothing that was found a moment ago is true any more. */
export function forgetRefresh(): void {
  answers.clear();
}

/**
 * Every act of ours passes through here (`provider/protocol/serve.ts`): a read after it never gets what was found before it,
 * or in the middle of it, also where it failed.
 */
export async function acting<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } finally {
    forgetRefresh();
  }
}
