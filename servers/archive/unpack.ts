import { incompleteMarker } from "../../config/controlDirectory.js";
import type { Server } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { systemIdentifierIn } from "../data/dataDirectory.js";
import { namesOf } from "../sql/versions.js";
import { ArchiveRefused, type Manifest, type Part, type Stream } from "./manifest.js";
import { checkpointIn, flow, speaking, spoken, tarRecords } from "./pipeline.js";

/** The parts that standard input names, one after the other, and the decompressor. */
const reading = `${speaking}
folder=$1
shift
cd -- "$folder" || exit
${spoken("cat", "xargs -0 cat --")} | ${spoken("decompressor", '"$@"')}`;

/**
 * tar stops at the archive's end; whoever left before the end of the stream would seem to have broken off. It strips what makes
 * a path absolute, refuses "..", and makes links that lead away after everything else; modes are set in the end. Of the
 * second stream only what belongs into it is taken.
 */
const extracting = `${speaking}
umask 077
folder=$1
shift
${spoken(
  "tar",
  `tar --extract --file=- ${tarRecords.join(" ")} --read-full-records --no-same-owner --no-same-permissions --exclude=${incompleteMarker} --anchored --exclude=global/pg_control --wildcards --no-wildcards-match-slash --directory="$folder" -- "$@"`,
  "cat >/dev/null",
)}`;

/** What is taken of a stream: all of it, or by these patterns. */
function membersOf(stream: Stream, { version }: Server): readonly string[] {
  return stream === "base" ? [] : ["backup_label", `${namesOf(version).walDirectory}/*`];
}

/** Unpacks one of an archive's streams into a data directory, without the control file. */
export async function unpackStream(options: {
  readonly from: Host;
  readonly folder: string;
  readonly stream: Stream;
  readonly parts: readonly Part[];
  readonly argv: readonly string[];
  readonly host: Host;
  readonly server: Server;
  readonly advance: (bytes: number) => void;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { from, folder, stream, parts, argv, host, server, advance, signal } = options;
  let done = 0;
  await flow({
    source: { host: from, script: reading, args: [folder, ...argv] },
    target: { host, script: extracting, args: [server.dataDirectory, ...membersOf(stream, server)] },
    directories: server,
    input: parts.map(({ name }) => `${name}\0`).join(""),
    signal,
    onLine(line) {
      const at = checkpointIn(line);
      if (at === undefined || at < done) return;
      advance(at - done);
      done = at;
    },
  });
}

/** The control file is the first of the second stream: no more than its beginning is read. */
const findControl = `cd -- "$1" && part=$2 && shift 2 &&
"$@" <"$part" 2>/dev/null | tar --extract --file=- --to-stdout --occurrence=1 global/pg_control 2>/dev/null | head -c 65536 | base64`;

/** The control file in an archive. @throws ArchiveRefused where it is not that of the manifest */
export async function readControlIn(options: {
  readonly host: Host;
  readonly folder: string;
  readonly manifest: Manifest;
  readonly argv: readonly string[];
}): Promise<Buffer> {
  const { host, folder, manifest, argv } = options;
  const [first] = manifest.parts.wal;
  const { stdout } = await host.run(["sh", "-c", findControl, "sh", folder, first?.name ?? "", ...argv]);
  const control = Buffer.from(stdout, "base64");
  if (control.length >= 512 && systemIdentifierIn(control) === manifest.systemIdentifier) return control;
  throw new ArchiveRefused(
    `the archive ${folder} on ${host.name} holds no control file of the cluster that its manifest names: make a new one`,
  );
}
