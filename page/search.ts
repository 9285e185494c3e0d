import { differingIn } from "./differences.js";
import { asShown, settingsOf } from "./settings.js";
import type { SiteView, StackView } from "./sites.js";
import { bytes, names } from "./words.js";

/** Search over all that the page shows. Pure; everything is made lower-case once, so that a search only compares. */
export interface Index {
  readonly entries: readonly Entry[];
}

export interface Entry {
  readonly section: Section;
  /** The anchor to which it leads. */
  readonly id: string;
  readonly title: string;
  readonly detail: string;
  readonly lower: string;
}

export const sections = ["Servers", "Drift", "Backups", "Incidents", "History", "Settings"] as const;
export type Section = (typeof sections)[number];

export interface Found {
  readonly total: number;
  readonly sections: readonly {
    readonly section: Section;
    readonly total: number;
    readonly entries: readonly Entry[];
  }[];
}

export function indexOf(sites: readonly SiteView[]): Index {
  const ofStacks = sites.flatMap(({ stacks }) => stacks).flatMap(stackEntries);
  return { entries: [...ofStacks, ...sites.flatMap(settingEntries)] };
}

/** All words must be in it, anywhere. `most`: entries of one section that are shown. */
export function search({ entries }: Index, text: string, most = 8): Found {
  const words = text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  if (words.length === 0) return { total: 0, sections: [] };
  const hits = entries.filter(({ lower }) => words.every((word) => lower.includes(word)));
  const bySection = sections.flatMap((section) => {
    const own = hits.filter((entry) => entry.section === section);
    return own.length === 0 ? [] : [{ section, total: own.length, entries: own.slice(0, most) }];
  });
  return { total: hits.length, sections: bySection };
}

function entry(
  section: Section,
  id: string,
  title: string,
  detail: string,
  ...more: readonly (string | undefined)[]
): Entry {
  const all = [title, detail, ...more].filter((text) => text !== undefined).join("\n");
  return { section, id, title, detail, lower: all.toLowerCase() };
}

function stackEntries({ id, data, servers }: StackView): readonly Entry[] {
  const of = data.stack;
  const place = id.slice("stack-".length);
  return [
    ...servers.map((server) => {
      const { name, role, state, host, address, port, dataDirectory, version, timeline, systemIdentifier, problems } =
        server.data;
      const line = timeline === undefined ? undefined : `timeline ${timeline}`;
      const messages = problems.map(({ message }) => message);
      const detail = [`${role}, ${state}`, ...messages].join("; ");
      return entry(
        "Servers",
        server.id,
        name,
        detail,
        of,
        host,
        `${address}:${port}`,
        dataDirectory,
        version,
        line,
        systemIdentifier,
      );
    }),
    ...differingIn(data).map(({ difference: { server, object, there, declared, consequence } }, index) => {
      const title = `${server === undefined ? "" : `${server}: `}${object}`;
      const wanted = declared === undefined ? "" : `, declared ${declared}`;
      return entry("Drift", `drift-${place}-${index}`, title, `is ${there}${wanted}`, of, consequence);
    }),
    ...(data.backups?.runs ?? []).map(({ name, server, place: where, state, bytes: size, verifiedAt }, index) => {
      const proven = verifiedAt === undefined ? "no drill" : `drill ${verifiedAt}`;
      return entry(
        "Backups",
        `run-${place}-${index}`,
        name,
        `${server}, ${where}: ${state}`,
        of,
        proven,
        size === undefined ? "" : bytes(size),
      );
    }),
    ...(data.watch?.incidents ?? []).map(({ server, seenBy, condition, message, since, ended }, index) => {
      const when = ended === undefined ? "goes on" : "over";
      return entry(
        "Incidents",
        `incident-${place}-${index}`,
        `${server}: ${message}`,
        when,
        of,
        seenBy,
        condition,
        since,
        ended,
      );
    }),
    ...data.history.map(({ at, kind, server, by, result, message }, index) => {
      const title = server === undefined || kind === "role" ? message : `${server}: ${message}`;
      return entry(
        "History",
        `event-${place}-${index}`,
        title,
        `${by === "hand" ? "by hand" : "by Pulumi"}, ${result}`,
        of,
        at,
        kind,
      );
    }),
  ];
}

/** One for each value of a setting: a hundred servers that have it alike are one result. */
function settingEntries(site: SiteView): readonly Entry[] {
  return settingsOf(site).flatMap(({ id, name, values }) =>
    values.map(({ setting, servers }) => {
      const all = servers.map(({ data }) => data.name);
      const declared = setting.differs ? `, declared ${setting.declared}` : "";
      const waits = setting.pendingRestart === true ? ", waits for a restart" : "";
      const detail = `${names(all, 3)}${declared}${waits}`;
      return entry("Settings", id, `${name} = ${asShown(setting)}`, detail, site.name, all.join(" "));
    }),
  );
}
