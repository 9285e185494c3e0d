import * as z from "zod";
import { controlPath, type Directories } from "../../config/controlDirectory.js";
import type { Host } from "../../hosts/host.js";
import type { UpgradeCompared, UpgradeOutcome, UpgradeSaid } from "../../postgres/upgrade/model.js";
import type { Journal } from "./journal.js";

/*
 * What upgrades said and did stays on the host when their journals have gone with the commit: the next one is judged by it.
 */

export interface PastUpgrade extends UpgradeCompared {
  readonly server: string;
  readonly from: string;
  readonly to: string;
  /** ISO, of the machine that ran it. */
  readonly begun: string;
  readonly done: string;
  readonly committed: string;
}

const isObject = (value: unknown) => typeof value === "object" && value !== null;
const schema = z.array(
  z.object({
    ...{ server: z.string(), from: z.string(), to: z.string(), begun: z.string(), done: z.string() },
    committed: z.string(),
    // As the pgsite made it that ran the upgrade.
    said: z.custom<UpgradeSaid>(isObject),
    was: z.custom<UpgradeOutcome>(isObject),
  }),
);

/** What is compared of an upgrade; undefined where it was not measured, and of a standby, which was set aside. */
export function comparisonOf({ role, plan, outcome }: Journal): UpgradeCompared | undefined {
  if (role !== "primary" || plan === undefined || outcome === undefined) return undefined;
  const { way, space, downtime, settings } = plan;
  return { said: { way, space, downtime, settings }, was: outcome };
}

/** Oldest first. @throws where they cannot be understood, naming the file */
export async function pastUpgrades(
  host: Host,
  directories: Pick<Directories, "controlDirectory">,
): Promise<readonly PastUpgrade[]> {
  const content = await host.readFile(controlPath(directories, "upgrades"));
  if (content === undefined) return [];
  const past = pastUpgradesIn(content.toString("utf8"));
  if (past !== undefined) return past;
  const path = controlPath(directories, "upgrades");
  throw new Error(`${path} on ${host.name} is not what this pgsite understands of earlier upgrades: move it away`);
}

/** Undefined where it is none that this pgsite understands. */
export function pastUpgradesIn(text: string): readonly PastUpgrade[] | undefined {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Before its journal goes. Done again, it is there once. */
export async function remember(
  host: Host,
  directories: Pick<Directories, "controlDirectory">,
  journal: Journal,
): Promise<void> {
  const compared = comparisonOf(journal);
  if (compared === undefined) return;
  const { server, from, to, times } = journal;
  const { begun = "", done = "" } = times;
  const others = (await pastUpgrades(host, directories)).filter((one) => one.begun !== begun);
  const all: readonly PastUpgrade[] = [
    ...others,
    { server, from, to, begun, done, committed: new Date().toISOString(), ...compared },
  ];
  await host.writeFile(controlPath(directories, "upgrades"), `${JSON.stringify(all, undefined, 2)}\n`, { mode: 0o600 });
}
