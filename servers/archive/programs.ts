import type { Host } from "../../hosts/host.js";
import { ArchiveRefused, type Compressor } from "./manifest.js";

/** How a stream is compressed and named. */
interface Format {
  readonly suffix: string;
  /** Programs that write it, the best first. */
  readonly compress: readonly (readonly [string, ...string[]])[];
  readonly decompress: readonly (readonly [string, ...string[]])[];
}

export const formats: Readonly<Record<Compressor, Format>> = {
  zstd: { suffix: ".zst", compress: [["zstd", "-q", "-T0", "-c"]], decompress: [["zstd", "-q", "-d", "-c"]] },
  gzip: {
    suffix: ".gz",
    compress: [
      ["pigz", "-c"],
      ["gzip", "-c"],
    ],
    decompress: [
      ["pigz", "-d", "-c"],
      ["gzip", "-d", "-c"],
    ],
  },
  none: { suffix: "", compress: [["cat"]], decompress: [["cat"]] },
};

/** The command line of the first of these programs that a host has. */
async function firstOf(
  host: Host,
  commands: readonly (readonly [string, ...string[]])[],
): Promise<readonly string[] | undefined> {
  const { stdout } = await host.run([
    "sh",
    "-c",
    'for program; do command -v "$program" >/dev/null && echo "$program"; done; true',
    "sh",
    ...commands.map(([program]) => program),
  ]);
  const there = stdout.split("\n");
  return commands.find(([program]) => there.includes(program));
}

/** @param wanted @default zstd where the host has it, else gzip */
export async function compressorOn(
  host: Host,
  wanted?: Compressor,
): Promise<{ readonly compressor: Compressor; readonly argv: readonly string[] }> {
  for (const compressor of wanted === undefined ? (["zstd", "gzip"] as const) : [wanted]) {
    const argv = await firstOf(host, formats[compressor].compress);
    if (argv !== undefined) return { compressor, argv };
  }
  throw new ArchiveRefused(
    `${host.name} has no ${wanted ?? "zstd and no gzip"}: install it there, or choose another way (--compress)`,
  );
}

export async function decompressorOn(host: Host, compressor: Compressor): Promise<readonly string[]> {
  const argv = await firstOf(host, formats[compressor].decompress);
  if (argv !== undefined) return argv;
  throw new ArchiveRefused(
    `the archive is compressed by ${compressor}, and ${host.name} has no such program: install it there`,
  );
}
