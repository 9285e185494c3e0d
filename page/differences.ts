import { consequences } from "../postgres/differences.js";
import type { PageDifference, PageSetting, PageStack } from "../servers/page/model.js";
import type { ServerView } from "./sites.js";

/** One truth for what differs: what a preview found, and the settings that servers run with. Pure. */

/** What differs in a stack. `waits`: it is in its file as declared, and waits for a restart. */
export interface Differing {
  readonly difference: PageDifference;
  readonly waits: boolean;
}

/** Of stacks that were looked through: each server of a hundred asks again. */
const known = new WeakMap<PageStack, readonly Differing[]>();

/** First what the preview found, in its order: their places are anchors of the page. */
export function differingIn(stack: PageStack): readonly Differing[] {
  const found = known.get(stack) ?? lookThrough(stack);
  known.set(stack, found);
  return found;
}

function lookThrough({ drift, servers }: PageStack): readonly Differing[] {
  const found = drift.differences.map((difference): Differing => ({ difference, waits: false }));
  const named = new Set(drift.differences.map(({ server, setting }) => `${server} ${setting?.toLowerCase()}`));
  const beside = servers.flatMap(({ name, settings }) =>
    settings
      .filter((setting) => isUnlike(setting) && !named.has(`${name} ${setting.name.toLowerCase()}`))
      .map((setting) => ofSetting(name, setting)),
  );
  return [...found, ...beside];
}

const isUnlike = ({ differs, pendingRestart }: PageSetting): boolean => differs || pendingRestart === true;

function ofSetting(server: string, { name, declared, running, pendingRestart }: PageSetting): Differing {
  const waits = pendingRestart === true;
  const difference = {
    server,
    object: `${name} of the running server`,
    setting: name,
    there: running ?? "not known",
    ...(declared === undefined ? {} : { declared }),
    consequence: waits ? "restart" : "not known",
  };
  return { difference, waits };
}

export function differencesOf({ data, stack }: Pick<ServerView, "data" | "stack">): readonly Differing[] {
  return differingIn(stack).filter(({ difference }) => difference.server === data.name);
}

/** Whether a preview has found a server's setting to be another than declared. */
export function driftsIn({ data, stack }: ServerView, name: string): boolean {
  const key = name.toLowerCase();
  return stack.drift.differences.some(({ server, setting }) => server === data.name && setting?.toLowerCase() === key);
}

/** What lets somebody in without a password is harder than all; of others, what undoing takes decides. */
export function hardness({ open, consequence }: PageDifference): number {
  return open === true ? consequences.length : (consequences as readonly string[]).indexOf(consequence);
}
