import { shownValue } from "../secrets/index.js";
import { findSetting } from "../settings/catalogue.js";
import { isShownAs } from "../settings/values.js";
import type { Major } from "../versions.js";
import type { SettingChange, SettingDeviation, SettingsOutcome } from "./model.js";

/** Names that the new server is asked for, to know what became of the old one's settings. */
export function namesToAsk(set: Readonly<Record<string, string>>, said: readonly SettingChange[]): readonly string[] {
  const spoken = said.flatMap((change) => (change.kind === "renamed" ? [change.name, change.to] : [change.name]));
  return [...new Set([...Object.keys(set), ...spoken])];
}

/**
 * What was said of settings, beside what the new server has. Pure.
 * @param set what the old server had otherwise than by default
 * @param has by name in small letters: what the new server shows of those asked for; absent where it does not know one
 */
export function settingsOutcome(
  to: Major,
  set: Readonly<Record<string, string>>,
  said: readonly SettingChange[],
  has: ReadonlyMap<string, string>,
): SettingsOutcome {
  const [kept, changed, gone]: [string[], string[], string[]] = [[], [], []];
  const otherwise: SettingDeviation[] = [];
  const now = (name: string) => has.get(name.toLowerCase());
  const spoken = new Set(said.map(({ name }) => name.toLowerCase()));
  for (const change of said) {
    const target = change.kind === "renamed" ? change.to : change.name;
    const [expected, was] = [expectedOf(change), now(target)];
    // Of one that nobody declares, and whose default the host decides, nothing more was said than that it does not come along.
    const isOpen = change.kind === "undeclared" && expected === undefined;
    if (!isOpen && !isSame(to, target, expected, was)) otherwise.push(deviation(change.name, target, expected, was));
    else if (was === undefined) gone.push(change.name);
    else changed.push(change.name);
  }
  for (const [name, value] of Object.entries(set)) {
    if (spoken.has(name.toLowerCase())) continue;
    const was = now(name);
    if (isSame(to, name, shownValue(name, value), was)) kept.push(name);
    else otherwise.push(deviation(name, name, value, was));
  }
  return { kept, changed, gone, otherwise };
}

/** Undefined where there is to be none, or nobody can say. */
function expectedOf(change: SettingChange): string | undefined {
  switch (change.kind) {
    case "vanishes":
      return undefined;
    case "renamed":
      return change.toValue;
    case "default":
    case "declared":
    case "undeclared":
      return change.to;
  }
}

function isSame(to: Major, name: string, expected: string | undefined, was: string | undefined): boolean {
  if (expected === undefined || was === undefined) return expected === was;
  const setting = findSetting(to, name);
  const is = shownValue(name, was);
  return setting === undefined ? expected === is : isShownAs(setting, expected, is);
}

function deviation(name: string, target: string, said: string | undefined, was: string | undefined): SettingDeviation {
  return {
    name,
    ...(said === undefined ? {} : { said: shownValue(target, said) }),
    ...(was === undefined ? {} : { was: shownValue(target, was) }),
  };
}
