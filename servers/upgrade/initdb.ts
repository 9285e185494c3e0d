import { join } from "node:path";
import type { ClusterFacts } from "../../postgres/upgrade/model.js";
import { atLeast, type Major } from "../../postgres/versions.js";

/** What a new cluster is made for. */
export interface NewCluster {
  readonly version: Major;
  /** Folder of the programs of that version. */
  readonly binDirectory: string;
  /** Where it is made: absent or empty. */
  readonly directory: string;
  /** Whether it goes again at once, so that nothing waits for the disk. @default false */
  readonly passing?: boolean;
}

type ShapeOf = Pick<ClusterFacts, "installUser" | "checksums" | "walSegmentSize" | "encoding" | "locale">;

const mebibyte = 1024 * 1024;

/**
 * initdb and its arguments for an empty cluster of the same shape as another one. All of it is what the old cluster is,
 * nothing what the stack says: pg_upgrade takes no other, and a dump is to come back into what it left.
 * Everybody is let in by its pg_hba.conf, since no version of pg_upgrade answers to a password: whoever starts it sees to
 * it that it listens nowhere but on a socket in a folder of its own user, and puts the declared files in place first
 * where it is to be more than that.
 */
export function initdbLike(cluster: ShapeOf, wanted: NewCluster): readonly string[] {
  const { version, binDirectory, directory, passing = false } = wanted;
  return [
    join(binDirectory, "initdb"),
    "-D",
    directory,
    "-U",
    cluster.installUser,
    "-A",
    "trust",
    `--encoding=${cluster.encoding}`,
    ...localeArguments(cluster.locale, version),
    ...checksumArguments(cluster.checksums, version),
    ...segmentArguments(cluster.walSegmentSize, version),
    ...(passing && atLeast(version, "9.3") ? ["-N"] : []),
  ];
}

/** From 15 on a cluster may have another provider than the C library, and until 17 that is what has to be said. */
function localeArguments(locale: ClusterFacts["locale"], version: Major): readonly string[] {
  const libc = [`--lc-collate=${locale.collate}`, `--lc-ctype=${locale.ctype}`];
  if (!atLeast(version, "15")) return libc;
  const provider = `--locale-provider=${locale.provider}`;
  if (locale.provider === "icu") {
    const rules = locale.rules === undefined ? [] : [`--icu-rules=${locale.rules}`];
    return [provider, ...libc, ...(locale.locale === undefined ? [] : [`--icu-locale=${locale.locale}`]), ...rules];
  }
  if (locale.provider === "builtin" && locale.locale !== undefined) {
    return [provider, ...libc, `--builtin-locale=${locale.locale}`];
  }
  return [provider, ...libc];
}

/** From 18 on checksums are the default. */
function checksumArguments(checksums: boolean, version: Major): readonly string[] {
  if (checksums) return atLeast(version, "9.3") ? ["--data-checksums"] : [];
  return atLeast(version, "18") ? ["--no-data-checksums"] : [];
}

/** Before 11 it is the build's, and no option changes it. */
function segmentArguments(bytes: number, version: Major): readonly string[] {
  return atLeast(version, "11") ? [`--wal-segsize=${bytes / mebibyte}`] : [];
}
