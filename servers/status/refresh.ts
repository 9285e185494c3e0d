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
  const known = answers.get(key);
  if (known !== undefined && Date.now() - known.at < lifetime) return known.answer as Promise<T>;
  const answer = ask();
  answers.set(key, { at: Date.now(), answer });
  return answer;
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
