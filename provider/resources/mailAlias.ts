import type { HostSpec } from "../../hosts/host.js";
import { aliasesFile, aliasIn, hasAliases, installAlias, removeAlias } from "../../installed/aliases.js";
import type { Difference } from "../../postgres/differences.js";
import { hostOf } from "../../servers/status/look.js";
import type { ResourceType } from "../protocol/resource.js";
import { say } from "../protocol/say.js";

export interface MailAliasArgs {
  readonly host: HostSpec;
  readonly name: string;
  /** Who gets its mail, separated by a comma and a blank. */
  readonly to: string;
}

export interface MailAliasState extends MailAliasArgs {
  /** Whether the host has such a file: what delivers its mail may know another. */
  readonly there: boolean;
}

/** One line of a host's /etc/aliases (aliases(5)), among others which are not ours. */
export const mailAlias: ResourceType<MailAliasArgs, MailAliasState> = {
  token: "pgsite:index:MailAlias",
  packed: ["host"],
  replaceable: true,

  id: ({ host, name }) => `${host.name}:${name}`,

  async check(context, args, actual) {
    const { host, name, to } = args;
    if (actual !== undefined) await say(context, differences(args, actual));
    const there = actual?.there ?? true;
    if (!there) await context.log("warning", nowhere(host, name));
    return { state: { host, name, to, there } };
  },

  create: (context, state) => write(context, state),

  async read(_context, _id, known) {
    if (known === undefined)
      throw new Error("an alias cannot be imported by its id: declare it, and `pulumi up` adopts it");
    const host = await hostOf(known.host);
    return { ...known, to: (await aliasIn(host, known.name)) ?? "", there: await hasAliases(host) };
  },

  update: (context, wanted) => write(context, wanted),

  async delete(context, { host, name, to }) {
    const root = await hostOf({ ...host, user: "root" });
    const is = await aliasIn(root, name);
    if (is === undefined) return;
    if (is === to) await removeAlias(root, name);
    else
      await context.log("warning", `left ${name} in ${aliasesFile} on ${host.name}: it is no longer what pgsite wrote`);
  },
};

function differences({ host, name, to }: MailAliasArgs, is: MailAliasState): readonly Difference[] {
  if (!is.there || is.to === to) return [];
  const object = { kind: "mail alias", name, host: host.name } as const;
  return is.to === ""
    ? [{ object, there: { is: "missing" }, consequence: "install" }]
    : [{ object, there: is.to, declared: to, consequence: "install" }];
}

async function write(
  context: Parameters<NonNullable<typeof mailAlias.create>>[0],
  state: MailAliasState,
): Promise<MailAliasState> {
  const root = await hostOf({ ...state.host, user: "root" });
  if (await hasAliases(root)) {
    await installAlias(root, state.name, state.to);
    return { ...state, there: true };
  }
  await context.log("warning", nowhere(state.host, state.name));
  return { ...state, there: false };
}

function nowhere(host: HostSpec, name: string): string {
  return `${host.name} has no ${aliasesFile}, so ${name} is no alias there: name it where that host's mail program has its aliases, or give mail.to an address`;
}
