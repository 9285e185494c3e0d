import type { Server } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import type { Context } from "../rollout/reporter.js";
import type { UpgradeArgs } from "./state.js";

/** What the acts of an upgrade share. */
export interface Acting {
  readonly context: Context;
  readonly args: UpgradeArgs;
  readonly server: Server;
  readonly host: Host;
}

export function actingOn(context: Context, args: UpgradeArgs, name: string): Acting {
  const server = args.servers[name];
  if (server === undefined) throw new Error(`the stack ${args.stack} has no server "${name}"`);
  return { context, args, server, host: hostOf(server.host) };
}
