import { newLinkName } from "../../config/controlDirectory.js";
import type { HostSpec } from "../../hosts/host.js";
import type { Difference } from "../../postgres/differences.js";
import { hostOf } from "../../servers/status/look.js";
import type { ResourceType } from "../protocol/resource.js";
import { say } from "../protocol/say.js";

export interface ClientLinksArgs {
  readonly host: HostSpec;
  /** Absolute. */
  readonly folder: string;
  /** Names in the folder, each with what it points to. */
  readonly links: Readonly<Record<string, string>>;
}

/** What stands for a link that is missing, and for something else in its place. No name of a file has a slash. */
const missing = "/missing";
const noLink = "/no link";

/** Links that lead clients to the file for the primary. */
export const clientLinks: ResourceType<ClientLinksArgs, ClientLinksArgs> = {
  token: "pgsite:index:ClientLinks",
  packed: ["host"],
  replaceable: true,

  id: ({ host, folder }) => `${host.name}:${folder}`,

  async check(context, args, actual) {
    if (actual !== undefined) await say(context, differences(args, actual));
    return { state: args };
  },

  async create(_context, state) {
    await point(state);
    return state;
  },

  async read(_context, _id, known) {
    if (known === undefined) throw new Error("links cannot be imported: declare them, and `pulumi up` adopts them");
    return { ...known, links: await targets(known) };
  },

  async update(_context, wanted) {
    await point(wanted);
    return wanted;
  },

  async delete(context, { host, folder, links }) {
    await context.log("info", `left the links ${Object.keys(links).join(", ")} in ${folder} on ${host.name}`);
  },
};

function differences({ host, folder, links }: ClientLinksArgs, is: ClientLinksArgs): readonly Difference[] {
  return Object.entries(links).flatMap(([name, declared]): Difference[] => {
    const there = is.links[name] ?? missing;
    if (there === declared) return [];
    const object = { kind: "link", path: `${folder}/${name}`, host: host.name } as const;
    if (there === missing) return [{ object, there: { is: "missing" }, consequence: "install" }];
    return there === noLink
      ? [{ object, there: { is: "no link" }, declared, consequence: "by hand", severity: "warning" }]
      : [{ object, there, declared, consequence: "install" }];
  });
}

/** Prints for each name: what the link points to, or one of the two marks. NUL ends each. */
const reading = `cd -- "$1" 2>/dev/null || exit 3
shift
for name; do
  if [ -L "./$name" ]; then readlink -n -- "./$name"
  elif [ -e "./$name" ]; then printf %s '${noLink}'
  else printf %s '${missing}'; fi
  printf '\\0'
done`;

async function targets({ host: spec, folder, links }: ClientLinksArgs): Promise<Readonly<Record<string, string>>> {
  const names = Object.keys(links);
  const host = await hostOf(spec);
  const { code, stdout, stderr } = await host.run(["sh", "-c", reading, "sh", folder, ...names]);
  if (code !== 0 && code !== 3) throw new Error(`the links in ${folder} cannot be read: ${stderr.trim()}`);
  const found = stdout.split("\0");
  return Object.fromEntries(names.map((name, index) => [name, code === 3 ? missing : (found[index] ?? missing)]));
}

/** Looks at all before it moves one: clients that find half of their files at another server are worse off than before. */
const pointing = `cd -- "$1" 2>/dev/null || { echo "the folder is not there"; exit 3; }
shift
count=$#
while [ "$count" -gt 0 ]; do
  name=$1 target=$2
  [ -e "./$target" ] || { echo "$target is not there, and $name is to point to it: make it"; exit 3; }
  if [ -e "./$name" ] && [ ! -L "./$name" ]; then echo "$name is there and is no link: move it away"; exit 3; fi
  shift 2
  set -- "$@" "$name" "$target"
  count=$((count - 2))
done
while [ "$#" -gt 0 ]; do
  rm -f -- "./${newLinkName("$1")}" && ln -s -- "$2" "./${newLinkName("$1")}" && mv -T -f -- "./${newLinkName("$1")}" "./$1" || exit 4
  shift 2
done`;

async function point({ host: spec, folder, links }: ClientLinksArgs): Promise<void> {
  const host = await hostOf(spec);
  const { code, stdout, stderr } = await host.run([
    "sh",
    "-c",
    pointing,
    "sh",
    folder,
    ...Object.entries(links).flat(),
  ]);
  if (code === 0) return;
  const nothing = code === 3 ? "; no link was moved" : "";
  throw new Error(`the links in ${folder} on ${spec.name}: ${(stdout + stderr).trim()}${nothing}`);
}
