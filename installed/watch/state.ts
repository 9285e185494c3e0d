/** What a watch has mailed of, as its host remembers it. */
export interface Incident {
  /** As in postgres/watch/conditions.ts. */
  readonly condition: string;
  /** A slot, a peer, a disk …; empty: the server as a whole. */
  readonly object: string;
  readonly value: string;
  readonly threshold: string;
  readonly detail: string;
  /** Seconds since 1970. */
  readonly since: number;
  /** @default it goes on */
  readonly ended?: number;
}

export interface WatchState {
  /** When it looked last; seconds since 1970. */
  readonly last: number;
  readonly open: readonly Incident[];
}

/** What a run of the watch leaves for the next one (save of judge.awk); undefined where that is of another format, or cut off. */
export function watchStateIn(text: string): WatchState | undefined {
  const [first, ...lines] = text.split("\n").map((line) => line.split("\t"));
  if (first?.[0] !== "pgsite-watch" || first[1] !== "1") return undefined;
  const last = Number(lines.find(([word]) => word === "last")?.[1]);
  if (!Number.isFinite(last)) return undefined;
  const open = lines.flatMap((line): readonly Incident[] => {
    const [word, condition = "", object = "", , since, , value = "", detail = ""] = line;
    return word === "open" ? [{ condition, object, value, threshold: "", detail, since: Number(since) }] : [];
  });
  return { last, open: open.filter(({ since }) => Number.isFinite(since)) };
}

/** Incidents that are over: what judge.awk says of a mail of the end, without its first two words; oldest first. */
export function incidentsOver(text: string): readonly Incident[] {
  return text.split("\n").flatMap((line): readonly Incident[] => {
    const [, , condition = "", , object = "", value = "", threshold = "", since, ended, detail = ""] = line.split("\t");
    const times = { since: Number(since), ended: Number(ended) };
    if (condition === "" || !Object.values(times).every((time) => Number.isFinite(time) && time > 0)) return [];
    return [{ condition, object, value, threshold, detail, ...times }];
  });
}
