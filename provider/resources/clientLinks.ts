import type { HostSpec } from "../../hosts/host.js";
import { missingLink, noLink, pointLinks, readLinks } from "../../installed/links.js";
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
    const { host, folder, links } = known;
    return { ...known, links: await readLinks(await hostOf(host), folder, Object.keys(links)) };
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
    const there = is.links[name] ?? missingLink;
    if (there === declared) return [];
    const object = { kind: "link", path: `${folder}/${name}`, host: host.name } as const;
    if (there === missingLink) return [{ object, there: { is: "missing" }, consequence: "install" }];
    return there === noLink
      ? [{ object, there: { is: "no link" }, declared, consequence: "by hand", severity: "warning" }]
      : [{ object, there, declared, consequence: "install" }];
  });
}

async function point({ host, folder, links }: ClientLinksArgs): Promise<void> {
  await pointLinks(await hostOf(host), folder, links);
}
