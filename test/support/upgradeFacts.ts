import { noWishes } from "../../config/upgrade.js";
import type { UpgradeFacts, UpgradeWishes } from "../../postgres/upgrade/model.js";
import type { Wanted } from "../../postgres/upgrade/plan.js";
import type { Major } from "../../postgres/versions.js";

export const gigabyte = 1024 ** 3;

type Partly<T> = { readonly [Name in keyof T]?: T[Name] extends object ? Partial<T[Name]> : T[Name] };

const complete = { pg_upgrade: [], dump: [] };

/** Facts of a healthy server that can be upgraded by copy, with these over them. */
export function factsOf(
  from: Major,
  more: Partly<Pick<UpgradeFacts, "cluster" | "host">> & Partial<Omit<UpgradeFacts, "cluster" | "host">> = {},
): UpgradeFacts {
  const { cluster, host, ...rest } = more;
  return {
    server: "one",
    cluster: {
      version: from,
      systemIdentifier: "7",
      installUser: "postgres",
      checksums: true,
      walSegmentSize: 16 * 1024 * 1024,
      encoding: "UTF8",
      locale: { provider: "libc", collate: "C", ctype: "C" },
      dataSize: 10 * gigabyte,
      databases: [
        {
          name: "postgres",
          size: 10 * gigabyte,
          extensions: [],
          unsupported: {},
          collations: [],
          extendedStatistics: 0,
        },
      ],
      tablespaces: [],
      settings: {},
      preparedTransactions: 0,
      logicalSlots: [],
      ...cluster,
    },
    host: {
      free: 100 * gigabyte,
      reflink: false,
      oldPrograms: { folder: "/old/bin", version: `${from}.1`, missing: complete },
      newPrograms: { folder: "/new/bin", version: "18.1", missing: complete },
      ...host,
    },
    check: { code: "clean" },
    standbys: [],
    copyRate: 100_000_000,
    backups: "declared",
    ...rest,
  };
}

export function wantedOf(to: Major, wishes: Partial<UpgradeWishes> = {}, more: Partial<Wanted> = {}): Wanted {
  return { to, wishes: { ...noWishes, ...wishes }, ...more };
}
