import { lookOfRefresh } from "../../servers/status/look.js";
import { noteUpgraded } from "../../servers/upgrade/planned.js";
import type { UpgradeArgs, UpgradeState } from "../../servers/upgrade/state.js";
import { othersThan, versionsFound } from "../../servers/upgrade/versions.js";
import type { ResourceType } from "../protocol/resource.js";

/** Whether this is a preview, which the check cannot tell by itself. It is no part of the state. */
type Asked = UpgradeArgs & { readonly preview?: boolean };

const acts = () => import("../../servers/upgrade/bring.js");

/** All that is no version: how the servers are reached, and what the stack wishes of an upgrade that may come one day. */
const otherwise = [
  "stack",
  "administrator",
  "administratorPassword",
  "primary",
  "upstream",
  "servers",
  "clientDirectory",
  "wishes",
  "backups",
  "installs",
] as const satisfies readonly (keyof UpgradeArgs)[];

/**
 * The major version of a stack's data. Where they have another than is declared, its update brings them there, before anything
 * else of the stack acts; else it does nothing.
 */
export const upgrade: ResourceType<Asked, UpgradeState> = {
  token: "pgsite:index:Upgrade",
  // The text of files may have a secret anywhere.
  secrets: ["administratorPassword", "servers"],
  packed: ["servers", "upstream", "wishes"],
  ways: otherwise,
  manner: otherwise,

  id: ({ site, stack }) => `${site}/${stack}/upgrade`,

  async check(context, { preview = false, ...args }, actual) {
    const is = actual?.versions ?? (await versionsFound(args.servers, lookOfRefresh));
    const others = othersThan(args.version, is);
    const isAsked = others.length > 0 || actual === undefined || actual.version !== args.version;
    const begun = isAsked ? await (await acts()).underWay(args) : undefined;
    const isDue = others.length > 0 || begun !== undefined;
    const isWhole = begun !== undefined || args.primary === undefined || others.includes(args.primary);
    for (const server of Object.values(args.servers)) {
      noteUpgraded([server], isDue && (isWhole || others.includes(server.name)));
    }
    const { __programs } = actual ?? {};
    if (isDue && preview) await (await acts()).sayUpgrade(context, args, others, __programs, lookOfRefresh);
    const names = Object.keys(actual?.versions ?? args.servers);
    return {
      state: {
        ...args,
        versions: Object.fromEntries(names.map((name) => [name, args.version])),
        generation: (actual?.generation ?? 0) + (isDue ? 1 : 0),
        ...(__programs === undefined ? {} : { __programs }),
      },
    };
  },

  async create(context, state) {
    await (await acts()).bringToVersion(context, state);
    return state;
  },

  async read(_context, _id, known) {
    if (known === undefined) throw new Error("the version of a stack's data cannot be imported by its id");
    const found = await versionsFound(known.servers, lookOfRefresh);
    // Programs of servers whose data are as they were declared when this was last brought up.
    const inForce = Object.entries(known.servers).flatMap(([name, { binDirectory, version }]) =>
      found[name] === version ? [[name, binDirectory] as const] : [],
    );
    return {
      ...known,
      // Of a server without data, or that cannot be asked, nothing is found to be otherwise.
      versions: Object.fromEntries(
        Object.keys(known.servers).flatMap((name) => {
          const version = found[name] ?? known.versions[name];
          return version === undefined ? [] : [[name, version] as const];
        }),
      ),
      __programs: { ...known.__programs, ...Object.fromEntries(inForce) },
    };
  },

  async update(context, wanted) {
    await (await acts()).bringToVersion(context, wanted);
    return wanted;
  },

  async delete() {
    // The data stay as they are.
  },
};
