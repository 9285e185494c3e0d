import type { Host } from "../../hosts/host.js";
import { vanishedByTar } from "../baseBackup/copiers.js";
import { isWhole, type Part, type Stream, streams } from "./manifest.js";
import { blockBytes, checkpointIn, flow, speaking, spoken, tarRecords } from "./pipeline.js";
import { formats } from "./programs.js";

export const mebibyte = 1024 * 1024;

/** tar of what standard input names, and the compressor. */
const packing = (slowly: boolean) => `${speaking}
data=$1 block=$2 count=$3
shift 3
slowly() {
  exec 4>&1
  while counted=$(dd bs="$block" count="$count" iflag=fullblock 2>&1 >&4); do
    case $counted in 0+0*) break ;; esac
    sleep 1
  done
}
${spoken(
  "tar",
  `tar --create --file=- --format=gnu ${tarRecords.join(" ")} --directory="$data" --no-recursion --null --verbatim-files-from --files-from=-`,
)} | ${slowly ? "slowly |" : ""} ${spoken("compressor", '"$@"')}`;

/** Cuts what comes into parts: each is written and summed up as it passes, and said with its size. */
const cutting = `${speaking}
umask 077
folder=$1 name=$2 blocks=$3
number=0
while :; do
  part=$(printf '%s.%04d' "$name" "$number")
  sum=$(dd bs=${blockBytes} count="$blocks" iflag=fullblock 2>/dev/null | ${spoken("tee", 'tee -- "$folder/$part"')} | sha256sum)
  size=$(wc -c <"$folder/$part") || exit
  if [ "$size" -eq 0 ] && [ "$number" -gt 0 ]; then
    rm -f -- "$folder/$part"
    break
  fi
  echo "part $part $size \${sum%% *}" >&3
  [ "$size" -eq $((blocks * ${blockBytes})) ] || break
  number=$((number + 1))
done`;

export interface WriteOptions {
  readonly stream: Stream;
  readonly source: Host;
  /** What the paths are relative to. */
  readonly from: string;
  readonly paths: readonly string[];
  readonly target: Host;
  readonly folder: string;
  readonly compressor: keyof typeof formats;
  readonly argv: readonly string[];
  /** Bytes of a part, a multiple of 1 MiB. */
  readonly split: number;
  /** Bytes a second that are read. @default as fast as it goes */
  readonly rateLimit?: number;
  readonly advance: (bytes: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Writes files as one of an archive's streams: read, summed up, compressed and cut in one pass. Files that vanish or change
 * meanwhile are fine: recovery makes up for that.
 * @returns its parts
 */
export async function writeStream(options: WriteOptions): Promise<readonly Part[]> {
  const { stream, source, target, folder, compressor, argv, split, rateLimit, advance, signal } = options;
  const parts: Part[] = [];
  let done = 0;
  // So many blocks a second.
  const block = blockBytes / 2;
  const count = Math.max(1, Math.floor((rateLimit ?? block) / block));
  await flow({
    source: {
      host: source,
      script: packing(rateLimit !== undefined),
      args: [options.from, `${block}`, `${count}`, ...argv],
    },
    target: {
      host: target,
      script: cutting,
      args: [folder, `${stream}.tar${formats[compressor].suffix}`, `${split / blockBytes}`],
    },
    directories: { controlDirectory: folder },
    input: options.paths.map((path) => `${path}\0`).join(""),
    fine: vanishedByTar,
    signal,
    onLine(line) {
      const [, name, size, sha256] = /^part (\S+) (\d+) ([0-9a-f]{64})$/.exec(line) ?? [];
      if (name !== undefined && sha256 !== undefined) parts.push({ name, size: Number(size), sha256 });
      const at = checkpointIn(line);
      if (at === undefined || at < done) return;
      advance(at - done);
      done = at;
    },
  });
  if (!isWhole(stream, parts)) {
    throw new Error(`not every part that was written into ${folder} on ${target.name} is known: run again`);
  }
  return parts;
}

/** Everything that may lie in a folder in which an archive is being made. */
export function isPart(name: string): boolean {
  return streams.some((stream) => name.startsWith(`${stream}.tar`));
}
