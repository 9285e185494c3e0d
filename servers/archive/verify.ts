import { join } from "node:path";
import prettyBytes from "pretty-bytes";
import type { Host } from "../../hosts/host.js";
import { runByLines } from "../baseBackup/lines.js";
import { type CopyProgress, noProgress } from "../baseBackup/progress.js";
import { ArchiveRefused, type Manifest, type Part, partsOf } from "./manifest.js";

/** Every part is there with its size: what can be said without reading them. @throws ArchiveRefused with all that is wrong */
export async function checkSizes(host: Host, folder: string, manifest: Manifest): Promise<void> {
  const found = await Promise.all(
    partsOf(manifest).map(async (part) => [part, await host.stat(join(folder, part.name))] as const),
  );
  const wrong = found.flatMap(([{ name, size }, status]) => {
    if (status === undefined) return [`${name} is missing`];
    if (status.type !== "file") return [`${name} is no file`];
    return status.size === size ? [] : [`${name} has ${status.size} bytes in place of ${size}`];
  });
  if (wrong.length > 0) throw notWhole(host, folder, wrong);
}

/** As many at a time as the host has processors. */
const summing = 'cd -- "$1" && xargs -0 -n 1 -P "$(nproc 2>/dev/null || echo 1)" sha256sum --';

/** Every part has its checksum. @throws ArchiveRefused with all that have not */
export async function checkSums(
  host: Host,
  folder: string,
  manifest: Manifest,
  { progress = noProgress, signal }: { readonly progress?: CopyProgress; readonly signal: AbortSignal },
): Promise<void> {
  const parts = new Map<string, Part>(partsOf(manifest).map((part) => [part.name, part]));
  const right = new Set<string>();
  const wrong = new Set<string>();
  progress.start(
    [...parts.values()].reduce((sum, { size }) => sum + size, 0),
    0,
  );
  const ran = await runByLines(host, ["sh", "-c", summing, "sh", folder], {
    input: [...parts.keys()].map((name) => `${name}\0`).join(""),
    signal,
    onLine(line) {
      const [, sha256, name = ""] = /^([0-9a-f]{64}) [ *](.+)$/.exec(line) ?? [];
      const part = parts.get(name);
      if (part === undefined) return false;
      (part.sha256 === sha256 ? right : wrong).add(name);
      progress.advance(part.size);
      return false;
    },
  });
  signal.throwIfAborted();
  progress.end();
  const unread = [...parts.keys()].filter((name) => !right.has(name) && !wrong.has(name));
  const complaints = [
    ...[...wrong].sort().map((name) => `${name} has not the checksum that it was made with`),
    ...unread.map((name) => `${name} cannot be read (${ran.stderr.trim().split("\n")[0]})`),
  ];
  if (complaints.length > 0) throw notWhole(host, folder, complaints);
}

function notWhole(host: Host, folder: string, complaints: readonly string[]): ArchiveRefused {
  const listed = complaints.slice(0, 5).join("; ");
  const more = complaints.length > 5 ? `; and ${complaints.length - 5} more` : "";
  return new ArchiveRefused(
    `the archive ${folder} on ${host.name} is not whole: ${listed}${more}. Carry what is wrong again (sha256sum tells) and run again`,
  );
}

/** What an archive is, in lines. */
export function describeArchive({
  manifest,
  sha256,
}: {
  readonly manifest: Manifest;
  readonly sha256: string;
}): string {
  const { site, source, postgresql, systemIdentifier, timeline, start, stop, created, unpacked, compressor } = manifest;
  const parts = partsOf(manifest);
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  return [
    `an archive of ${source.server} of the site ${site}, PostgreSQL ${postgresql}, made ${created}`,
    `  system identifier ${systemIdentifier}, timeline ${timeline}, WAL ${start.segment} to ${stop.segment} (${stop.lsn})`,
    `  ${prettyBytes(unpacked)} in ${prettyBytes(size)} (${compressor}), ${parts.length} ${parts.length === 1 ? "part" : "parts"}`,
    `  SHA-256 of its manifest: ${sha256}`,
  ].join("\n");
}
