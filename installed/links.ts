import { newLinkName, replacedName } from "../config/controlDirectory.js";
import type { Host } from "../hosts/host.js";

/* Symbolic links that lead programs to what is current. Each is moved by a rename, so that nobody ever finds none. */

/** What stands for a link that is missing, and for something else in its place. No name of a file has a slash at its beginning and a word after it. */
export const missingLink = "/missing";
export const noLink = "/no link";

/** Prints for each name: what the link points to, or one of the two marks. NUL ends each. */
const reading = `cd -- "$1" 2>/dev/null || exit 3
shift
for name; do
  if [ -L "./$name" ]; then readlink -n -- "./$name"
  elif [ -e "./$name" ]; then printf %s '${noLink}'
  else printf %s '${missingLink}'; fi
  printf '\\0'
done`;

/** What links of a folder point to, by their names. */
export async function readLinks(
  host: Host,
  folder: string,
  names: readonly string[],
): Promise<Readonly<Record<string, string>>> {
  const { code, stdout, stderr } = await host.run(["sh", "-c", reading, "sh", folder, ...names]);
  if (code !== 0 && code !== 3) throw new Error(`the links in ${folder} cannot be read: ${stderr.trim()}`);
  const found = stdout.split("\0");
  return Object.fromEntries(
    names.map((name, index) => [name, code === 3 ? missingLink : (found[index] ?? missingLink)]),
  );
}

/** Looks at all before it moves one: programs that find half of their files at another server are worse off than before. */
const pointing = `cd -- "$2" 2>/dev/null || { echo "the folder is not there"; exit 3; }
replaces=$1
shift 2
count=$#
while [ "$count" -gt 0 ]; do
  name=$1 target=$2
  case $target in /*) at=$target ;; *) at=./$target ;; esac
  [ -e "$at" ] || { echo "$target is not there, and $name is to point to it: make it"; exit 3; }
  if [ -e "./$name" ] && [ ! -L "./$name" ]; then
    [ "$replaces" = yes ] || { echo "$name is there and is no link: move it away"; exit 3; }
    [ ! -e "./${replacedName("$name")}" ] || { echo "$name is no link, and ${replacedName("$name")}, where it would be kept, is there: move that away"; exit 3; }
  fi
  shift 2
  set -- "$@" "$name" "$target"
  count=$((count - 2))
done
while [ "$#" -gt 0 ]; do
  if [ -e "./$1" ] && [ ! -L "./$1" ]; then mv -T -- "./$1" "./${replacedName("$1")}" || exit 4; fi
  rm -f -- "./${newLinkName("$1")}" && ln -s -- "$2" "./${newLinkName("$1")}" && mv -T -f -- "./${newLinkName("$1")}" "./$1" || exit 4
  shift 2
done`;

/**
 * Moves links of a folder, or makes them.
 * @param links names, each with what it points to, from the folder
 * @param replaces whether what stands in a link's place is kept beside it; else it is refused
 */
export async function pointLinks(
  host: Host,
  folder: string,
  links: Readonly<Record<string, string>>,
  { replaces = false }: { readonly replaces?: boolean } = {},
): Promise<void> {
  const { code, stdout, stderr } = await host.run([
    "sh",
    "-c",
    pointing,
    "sh",
    replaces ? "yes" : "no",
    folder,
    ...Object.entries(links).flat(),
  ]);
  if (code === 0) return;
  const nothing = code === 3 ? "; no link was moved" : "";
  throw new Error(`the links in ${folder} on ${host.name}: ${(stdout + stderr).trim()}${nothing}`);
}
