import { join } from "node:path";
import type { Host } from "../hosts/host.js";
import { type FileFacts, factsOf, hashedFactsOf } from "./listing.js";

export interface FoundFile {
  readonly facts: FileFacts;
  /** Where it was read: always in a set with a mark. */
  readonly content?: string;
}

/** From so many files on, one program on a host that is not near is less work than two looks a file. */
const many = 4;

/** What is there of a set's files. */
export async function look(
  host: Host,
  {
    folder,
    files,
    mark,
  }: { readonly folder: string; readonly files: Readonly<Record<string, unknown>>; readonly mark?: string },
): Promise<ReadonlyMap<string, FoundFile>> {
  const names = Object.keys(files);
  if (!host.near && mark === undefined && names.length >= many) {
    const found = await lookAtOnce(host, folder, names);
    if (found !== undefined) return found;
  }
  const each = await Promise.all(names.map((name) => lookAt(host, join(folder, name))));
  return new Map(names.flatMap((name, index) => (each[index] === undefined ? [] : [[name, each[index]] as const])));
}

async function lookAt(host: Host, path: string): Promise<FoundFile | undefined> {
  const read = await host.readWithStatus(path);
  if (read === undefined) return undefined;
  const content = read.content.toString("utf8");
  return { content, facts: factsOf(read.status, content) };
}

/** Modes, owners and hashes by one program. Undefined: something in a file's place is to be looked at by itself. */
async function lookAtOnce(
  host: Host,
  folder: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, FoundFile> | undefined> {
  const { code, stdout } = await host.run(["sh", "-c", looking, "sh", folder, ...names]);
  if (code !== 0) return undefined;
  const [count, ...lines] = stdout.trimEnd().split("\n");
  const half = Number(count);
  if (count === "" || lines.length !== 2 * half) return undefined;
  const found = lines.slice(0, half).map((line, index) => {
    const [, mode, owner, name] = /^([0-7]+) (\S+) \.\/(.*)$/.exec(line) ?? [];
    const [, sha256, hashed] = /^([0-9a-f]{64}) [ *]\.\/(.*)$/.exec(lines[half + index] ?? "") ?? [];
    if (mode === undefined || owner === undefined || name === undefined) return undefined;
    if (sha256 === undefined || hashed !== name) return undefined;
    return [name, { facts: hashedFactsOf({ mode: Number.parseInt(mode, 8), owner }, sha256) }] as const;
  });
  return found.every((one) => one !== undefined) ? new Map(found) : undefined;
}

/** Arguments: a folder and names in it. It says first how many there are. What cannot be read, or is no file, ends it. */
const looking = `cd -- "$1" || exit
shift
for name; do
  shift
  if [ -f "$name" ] && [ -r "$name" ]; then set -- "$@" "./$name"
  elif [ -e "$name" ] || [ -L "$name" ]; then exit 3
  fi
done
echo $#
[ $# -gt 0 ] || exit 0
stat -L -c "%a %U %n" -- "$@" && exec sha256sum -- "$@"`;
