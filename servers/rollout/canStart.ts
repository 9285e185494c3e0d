import { join } from "node:path";
import { makeFolderAsRoot } from "../../hosts/rootFolder.js";
import { logFolderOf } from "../../postgres/files/logDirectory.js";
import { configurationFolder } from "../../postgres/files/places.js";
import type { Step } from "../../postgres/rollout/model.js";
import { maskedFile, withoutPieces } from "../../postgres/secrets/index.js";
import { Effective } from "../../postgres/settings/effective.js";
import { withoutUnapproved } from "../../postgres/start/asked.js";
import { judgeStart } from "../../postgres/start/judge.js";
import type { StartFacts, StartObstacle } from "../../postgres/start/model.js";
import { recoveryTargetOf } from "../../postgres/start/recoveryTarget.js";
import { readControlFile } from "../data/controlFile.js";
import type { Files } from "../data/staging.js";
import { dryStart } from "../process/dryStart.js";
import { hostOf } from "../status/look.js";
import { ifTold } from "./ifTold.js";
import { inForce } from "./plan.js";
import { serverOf } from "./site.js";
import type { Observed, RolloutServer } from "./state.js";

export interface Asked {
  readonly server: RolloutServer;
  readonly observed: Observed;
  /** Its files as they are to be. */
  readonly files: Files;
  /** What stays as it is for now, whatever they say. */
  readonly hold?: Step["hold"];
  /** In a preview: nothing runs that nobody has approved. */
  readonly approvedOnly: boolean;
  readonly signal: AbortSignal;
}

/**
 * What keeps a server from starting with what it is to get. Nothing of it is changed, and what runs is left alone.
 * @returns undefined where its host did not say
 */
export async function whyNotStart(asked: Asked): Promise<readonly StartObstacle[] | undefined> {
  const { server, observed, files, hold = {}, approvedOnly, signal } = asked;
  const host = await hostOf(server.host);
  const settings = { ...server.settings, ...hold };
  const now = inForce(observed);
  const besides = { ...hold, ...(approvedOnly ? withoutUnapproved(now, settings) : {}) };
  const { absent } = server;
  const found = await ifTold(() =>
    dryStart(host, serverOf(server), { files, absent, settings, besides, approvedOnly, signal }),
  );
  const target = await targetOf(asked, settings, found !== undefined && "now" in found ? found.now : undefined);
  const targets = target === undefined ? [] : [target];
  if (found === undefined) return targets.length === 0 ? undefined : targets;
  if ("untried" in found) {
    if (found.untried === "missing") {
      return [{ code: "noProgram", path: join(server.binDirectory, "postgres") }, ...targets];
    }
    return targets.length === 0 && found.untried === "folder" ? undefined : targets;
  }
  const effective = new Effective(server.version, settings);
  const listening = { port: server.port, address: server.address, addresses: effective.text("listen_addresses") };
  const judged = judgeStart(
    {
      ...{ version: server.version, settings, listening },
      ...(effective.on("logging_collector") ? { logFolder: logFolderOf({ ...server, settings }) } : {}),
      folders: { data: server.dataDirectory, configuration: configurationFolder(server) },
    },
    withPrivileges(found, server, now.port),
  );
  const obstacles = await withoutRootsFolders(server, judged);
  // It had no time to say anything.
  if (found.late === true && obstacles.length + targets.length === 0) return undefined;
  return [...obstacles.map((one) => withoutSecrets(one, files)), ...targets];
}

/** A server has what it takes for the port that it has; and what a unit gives it is not to be seen from outside. */
function withPrivileges(facts: StartFacts, server: RolloutServer, port: string | undefined): StartFacts {
  const isOwn = port === `${server.port}` || server.unit !== undefined || server.service !== undefined;
  const { unprivileged: _any, ...network } = facts.network;
  return isOwn ? { ...facts, network } : facts;
}

/** Whether root may make a folder there (`makeFolderAsRoot`), which each start has it do. */
const canMake = `${makeFolderAsRoot}
[ ! -e "$1" ] && [ ! -L "$1" ] || exit 1
above=$(dirname -- "$1")
until [ -d "$above" ]; do
  [ ! -e "$above" ] && [ ! -L "$above" ] || exit 1
  above=$(dirname -- "$above")
done
case $(stat -f -c %T -- "$above" 2>/dev/null) in proc | sysfs) exit 1 ;; esac
alone "$above" && alone "$(cd -P -- "$above" && pwd)" && [ -w "$above" ]`;

/** Folders of sockets that root makes are no obstacle. */
async function withoutRootsFolders(
  server: RolloutServer,
  obstacles: readonly StartObstacle[],
): Promise<readonly StartObstacle[]> {
  const kept = await Promise.all(
    obstacles.map(async (one) => {
      if (one.code !== "socketFolder" || one.why !== "missing") return [one];
      const made = await ifTold(async () => {
        const root = await hostOf({ ...server.host, user: "root" });
        return (await root.run(["sh", "-c", canMake, "sh", one.folder])).code === 0;
      });
      return made === true ? [] : [one];
    }),
  );
  return kept.flat();
}

async function targetOf(
  { server }: Asked,
  settings: RolloutServer["settings"],
  now: number | undefined,
): Promise<StartObstacle | undefined> {
  if (server.role === "primary") return undefined;
  if (!Object.keys(settings).some((name) => name.startsWith("recovery_target"))) return undefined;
  const checkpoint = await ifTold(async () => {
    const host = await hostOf(server.host);
    const control = await readControlFile(host, server.dataDirectory);
    if (control === undefined) return undefined;
    const { branchOf } = await import("../wal/timelines.js");
    return (await branchOf(host, server.dataDirectory, server.version, control))?.checkpoint;
  });
  return recoveryTargetOf(server.version, settings, {
    ...(checkpoint === undefined ? {} : { checkpoint }),
    ...(now === undefined ? {} : { now }),
  });
}

/** What a program quotes of its files may hold a secret. */
function withoutSecrets(obstacle: StartObstacle, files: Files): StartObstacle {
  if (obstacle.code !== "refused" && obstacle.code !== "ignored") return obstacle;
  const secrets = Object.entries(files).flatMap(([name, text]) => maskedFile(name, text).secrets);
  return { ...obstacle, said: obstacle.said.map((line) => withoutPieces(line, secrets)) };
}
