import prettyBytes from "pretty-bytes";
import { sharesBlocks } from "../fileSystems.js";
import type { Complaint, Seen } from "../finding.js";
import { isUnseeded } from "../finding.js";

/** A data directory that others may be copied from. */
export interface Source {
  readonly name: string;
  readonly machine: string;
  readonly disk: string;
  readonly size: number;
}

interface Need {
  readonly seen: Seen;
  readonly copy: number;
  readonly growth: number;
}

/**
 * Free space, by file system, since servers may share one: for the base backups of those that have no data yet, and for
 * what is still to come of the growth that the stack expects of each.
 */
export function checkSpace(servers: readonly Seen[], source: Source | undefined): [Seen, Complaint][] {
  const bySystem = new Map<string, Need[]>();
  for (const seen of servers) {
    const key = `${seen.host.machine} ${seen.facts.disk.id}`;
    bySystem.set(key, [...(bySystem.get(key) ?? []), needOf(seen, source)]);
  }
  return [...bySystem.values()].flatMap((needs): [Seen, Complaint][] => {
    const total = needs.reduce((sum, { copy, growth }) => sum + copy + growth, 0);
    const last = needs.filter(({ copy, growth }) => copy + growth > 0).at(-1);
    if (last === undefined || !(last.seen.facts.disk.free < total)) return [];
    const { server, facts } = last.seen;
    return [
      [
        last.seen,
        {
          check: "space",
          severity: "error",
          path: needs.some(({ growth }) => growth > 0) ? "expectedGrowth" : `servers.${server.name}.dataDirectory`,
          cause: `${server.dataDirectory} has ${prettyBytes(facts.disk.free)} free, and ${prettyBytes(total)} are needed (${partsOf(needs, source)})`,
          remedy: "make room, or move dataDirectory to a larger disk",
        },
      ],
    ];
  });
}

function needOf(seen: Seen, source: Source | undefined): Need {
  const { request, server, host, facts } = seen;
  const unseeded = isUnseeded(facts);
  const shared = source?.machine === host.machine && source.disk === facts.disk.id && sharesBlocks(facts.disk.type);
  const copied = unseeded && source !== undefined && source.name !== server.name ? source.size : 0;
  const there = unseeded ? 0 : (facts.size ?? 0);
  return { seen, copy: shared ? 0 : copied, growth: Math.max(0, (request.expectedGrowth ?? 0) - there) };
}

function partsOf(needs: readonly Need[], source: Source | undefined): string {
  const sum = (of: (need: Need) => number) => needs.reduce((total, need) => total + of(need), 0);
  const copy = sum(({ copy }) => copy);
  const growth = sum(({ growth }) => growth);
  const names = (of: (need: Need) => number) =>
    needs.filter((need) => of(need) > 0).map(({ seen }) => seen.server.name);
  const listed = (of: (need: Need) => number) => (needs.length < 2 ? "" : ` of ${names(of).join(" and ")}`);
  return [
    ...(copy > 0
      ? [`${prettyBytes(copy)} for the base backup${listed((need) => need.copy)} from ${source?.name}`]
      : []),
    ...(growth > 0 ? [`${prettyBytes(growth)} for the expected growth${listed((need) => need.growth)}`] : []),
  ].join(", ");
}
