import type { PageSetting } from "../servers/page/model.js";
import { driftsIn } from "./differences.js";
import type { ServerView, SiteView } from "./sites.js";

/** A setting of a site: on which servers it is what. */
export interface SettingRow {
  readonly id: string;
  readonly name: string;
  /** Servers that have it alike, the most of them first. */
  readonly values: readonly SettingValue[];
  /** Servers run with another value than declared, or have one in their files. */
  readonly drifted: boolean;
  /** It waits for a restart somewhere. */
  readonly waits: boolean;
  /** Servers that said what they run with, and not this: nobody declares it, and it has its default. */
  readonly absent: readonly ServerView[];
  /** It is not the same on all servers. */
  readonly uneven: boolean;
}

export interface SettingValue {
  readonly setting: PageSetting;
  readonly servers: readonly ServerView[];
}

export const isDifferent = ({ drifted, waits, uneven }: SettingRow): boolean => drifted || waits || uneven;

/** What it is now, as far as known. */
export const asShown = ({ running, declared }: PageSetting): string => running ?? declared ?? "";

/** Whether it was asked what it runs with. */
export const wasAsked = ({ data }: ServerView): boolean => data.settings.some(({ running }) => running !== undefined);

export function settingsOf(site: SiteView): readonly SettingRow[] {
  const asked = site.servers.filter(wasAsked);
  const byName = new Map<string, Map<string, { setting: PageSetting; servers: ServerView[] }>>();
  for (const server of site.servers) {
    for (const setting of server.data.settings) {
      const values = byName.get(setting.name) ?? new Map();
      byName.set(setting.name, values);
      const { running, declared, differs, pendingRestart } = setting;
      const key = JSON.stringify([running ?? null, declared ?? null, differs, pendingRestart ?? false]);
      const value = values.get(key) ?? { setting, servers: [] };
      values.set(key, value);
      value.servers.push(server);
    }
  }
  // By code points: a server's own order of letters is another one in each language.
  const sorted = [...byName].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([name, found], index): SettingRow => {
    const values = [...found.values()].sort((a, b) => b.servers.length - a.servers.length);
    const having = new Set(values.flatMap(({ servers }) => servers));
    const absent = asked.filter((server) => !having.has(server));
    return {
      id: `setting-${site.id}-${index}`,
      name,
      values,
      drifted: values.some(
        ({ setting, servers }) => setting.differs || servers.some((server) => driftsIn(server, name)),
      ),
      waits: values.some(({ setting }) => setting.pendingRestart === true),
      absent,
      uneven: absent.length > 0 || new Set(values.map(({ setting }) => asShown(setting))).size > 1,
    };
  });
}
