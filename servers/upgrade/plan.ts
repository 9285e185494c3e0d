import type { UpgradeFacts, UpgradePlan, UpgradeRefusal } from "../../postgres/upgrade/model.js";
import { planMirrors, planUpgrade } from "../../postgres/upgrade/plan.js";
import { type Major, majorOf } from "../../postgres/versions.js";
import { findWritable } from "../sql/writable.js";
import type { LookAt } from "../status/look.js";
import { lookForUpgrade, sizeOfFiles, standbysOf } from "./look.js";
import type { UpgradeArgs, UpgradeState } from "./state.js";

export interface Planned {
  readonly plan: UpgradePlan;
  /** Absent in a stack that mirrors. */
  readonly facts?: UpgradeFacts;
}

/** What earlier upgrades left. */
export interface Before {
  readonly uncommitted?: Major;
  readonly migrating?: boolean;
  /** By server. */
  readonly programs?: UpgradeState["__programs"];
}

/**
 * Looks at a stack's servers, and plans how their data come to the declared version. Of a stack that has the primary it is that
 * which is upgraded; where only standbys have an older version, there is nothing to plan.
 * @param others names of servers with data of another version
 */
export async function planOfStack(
  args: UpgradeArgs,
  others: readonly string[],
  before: Before,
  lookAt: LookAt,
  signal: AbortSignal,
): Promise<Planned | undefined> {
  const { primary, servers, version, wishes } = args;
  if (primary === undefined) return { plan: await planOfMirrors(args, others, lookAt, signal) };
  const server = servers[primary];
  if (server === undefined || !others.includes(primary)) return undefined;
  const { uncommitted, migrating, programs = {} } = before;
  const wanted = {
    to: version,
    wishes,
    declared: server.settings,
    ...(server.layout === undefined ? {} : { layout: server.layout }),
    ...(uncommitted === undefined ? {} : { uncommitted }),
    ...(migrating === undefined ? {} : { migrating }),
  };
  const facts = await lookForUpgrade({ args, server, programs: programs[primary], wanted, signal }, lookAt);
  return { facts, plan: planUpgrade(facts, wanted, new Date()) };
}

async function planOfMirrors(
  args: UpgradeArgs,
  others: readonly string[],
  lookAt: LookAt,
  signal: AbortSignal,
): Promise<UpgradePlan> {
  const { upstream, administrator, administratorPassword, servers, version } = args;
  const server = servers[others[0] ?? ""];
  if (upstream === undefined || server === undefined)
    throw new Error("the stack has neither a primary nor an upstream");
  const login = { user: administrator, password: administratorPassword };
  const [state] = (await findWritable([upstream], login, { signal })).states;
  const look = await lookAt(server);
  const from = majorOf((await look.version()) ?? "");
  if (from === undefined) throw new Error(`${server.dataDirectory} has data of a version that pgsite does not know`);
  const size = await sizeOfFiles(look.host, server.dataDirectory, signal);
  const standbys = (await standbysOf(args, undefined, lookAt)).filter((one) => others.includes(one.server));
  const is = state?.version;
  const known = { name: upstream.name, ...(is === undefined ? {} : { version: is }) };
  return planMirrors({ from, to: version, standbys, size }, known);
}

/** What keeps an `up` from its upgrade, and a preview only has to say: it may be otherwise by then. */
export function isForUpAlone({ code }: UpgradeRefusal, args: UpgradeArgs): boolean {
  if (code === "outside window" || code === "stopped") return true;
  // The preflight of the up installs them first.
  return args.installs === true && (code === "programs missing" || code === "extension missing");
}
