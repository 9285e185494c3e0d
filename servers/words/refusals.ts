import type { FailoverRefusal, Gap, Loss, Refusal, SwitchoverRefusal } from "../../postgres/rollout/model.js";
import { followsFrom } from "../../postgres/rollout/promotion.js";
import { divergenceInWords } from "./divergence.js";
import { aheadInWords, lossInWords, receivedInWords, streamInWords } from "./loss.js";
import { behindInWords, rejoinObstacleInWords } from "./rejoin.js";
import { cannotStartInWords } from "./start.js";

/** Why a rollout is not carried out as things are, in a sentence that ends with the remedy. */
export function refusalInWords(refusal: Refusal): string {
  if ("act" in refusal) {
    const { act, from, to } = refusal;
    const why = act === "switchover" ? switchoverInWords(refusal) : failoverInWords(refusal);
    return `the ${act} from ${from} to ${to}: ${why}`;
  }
  switch (refusal.code) {
    case "otherVersion": {
      const { server, is, declared } = refusal;
      return `${server} has data of PostgreSQL ${is} and is declared ${declared}, and its upgrade did not take place: pulumi preview says why. Nothing was changed; until then declare ${is}`;
    }
    case "roles": {
      const wrong = refusal.servers.map(
        ({ server, inRecovery, declared }) =>
          `${server} is ${inRecovery ? "in recovery" : "not in recovery"} and is declared ${declared}`,
      );
      return `${wrong.join("; ")}: a switchover takes one primary and the standby that is to follow it. Nothing was changed; declare the roles that the servers have`;
    }
    case "diverged":
      return `the timeline of ${refusal.server} is ${divergenceInWords(refusal.server, refusal.diverged)}. Nothing was changed`;
    case "cannotRejoin": {
      const { server, primary, why, keep } = refusal;
      return `${server} cannot rejoin ${primary}: ${rejoinObstacleInWords(server, why, keep)}`;
    }
    case "seedNotAllowed": {
      const { server, behind } = refusal;
      return `${server} would be seeded again by ${behind.way} (${behindInWords(behind)}), and nobody has allowed it: declare ${seedWord([server])}, and run pulumi up. Nothing was changed`;
    }
    case "cannotSeed":
      return `${refusal.server} cannot be seeded again from ${refusal.primary}: ${rejoinObstacleInWords(refusal.server, refusal.why)}`;
    case "belowPrimary": {
      const { server, primary, setting, value, floor } = refusal;
      return `${server}: ${setting} ${value} is below the ${floor} of ${primary}, and a hot standby would not start`;
    }
    case "tlsNotThere":
      return `${refusal.server} is to insist on TLS with ${refusal.upstream}, which runs without. Nothing was changed; declare tls.required: false, pulumi up, then take that away`;
    case "tlsStillNeeded":
      return `${refusal.server} insists on TLS with ${refusal.upstream}, which is to offer none. Nothing was changed; declare tls with required: false, pulumi up, then take tls away`;
    case "cannotStart":
      return cannotStartInWords(refusal.server, refusal.because);
    case "silent":
      return `${refusal.server} runs and does not answer within a few seconds: find out why, or stop it, and run again`;
  }
}

function switchoverInWords(refusal: SwitchoverRefusal): string {
  const { from, to } = refusal;
  switch (refusal.code) {
    case "timelinesNotFollowed":
      return `before ${followsFrom} no standby follows another timeline over the line, so that all others are seeded again after it, one after the other, and nobody has allowed that: declare ${seedWord(refusal.servers)}, and run pulumi up. Nothing was changed`;
    case "noTriggerFile":
      return `${withoutTriggerInWords(to)}: declare ${from} as the primary and servers.${to}.settings.trigger_file, and run pulumi up; then again. Nothing was changed`;
    case "nextStopped":
      return `${to} is stopped; declare ${from} as the primary, and bring ${to} up first`;
    case "followsAnother":
      return `${to} follows ${refusal.upstream ?? "another server"}: only a server that streams from ${from} has all of it`;
    case "oldUnreachable":
      return `${refusal.why}: bring it back, and run again; ${orFailOver(refusal)}`;
    case "oldCrashed":
      return `${from} is stopped and was not shut down, so that nobody knows what ${to} lacks: start it (pgsite start ${from}), and run again; ${orFailOver(refusal)}`;
    case "belowNext":
      return belowInWords(refusal);
  }
}

/** The line of the stack file that allows it. */
function seedWord(servers: readonly string[]): string {
  return servers.map((server) => `servers.${server}.seedAgain: true`).join(" and ");
}

function withoutTriggerInWords(to: string): string {
  return `PostgreSQL 9.0 is promoted by a trigger file alone, and ${to} runs without trigger_file`;
}

/** The way out where the old primary does not come back, with what a failover would lose. */
function orFailOver({ from, to, loss }: { readonly from: string; readonly to: string; readonly loss: Loss }): string {
  const cost = loss.received === undefined ? "" : `: ${lossInWords({ from, to }, loss)}`;
  return `or, where it is gone, declare servers.${from}.lost: true, and ${to} takes over${cost}`;
}

function failoverInWords(refusal: FailoverRefusal): string {
  const { from, to } = refusal;
  const accept = `what is lost then must be accepted: servers.${from}.acceptDataLoss: true`;
  switch (refusal.code) {
    case "otherUnreachable":
      return `${refusal.why}: bring it back, or declare servers.${refusal.server}.lost: true too`;
    case "nextStopped":
      return `${to} is stopped: bring it up first (pgsite start ${to}), and run again`;
    case "noTriggerFile":
      return `${withoutTriggerInWords(to)}: add trigger_file = 'PATH' to its recovery.conf, start it anew (pgsite stop ${to}, pgsite start ${to}), and run again`;
    case "notLost":
      return `${refusal.by === "fed" ? `${to} goes on receiving WAL` : `the stream of ${to} is open, and a server answers where it comes from`}, so ${from} lives: shut it down where it runs, or take lost away, and it is a switchover`;
    case "belowNext":
      return belowInWords(refusal);
    case "receivedUnknown":
      return `nothing tells what ${to} has received; ${accept}`;
    case "otherAhead": {
      const { received, ahead } = refusal;
      return `${to} received ${receivedInWords(received)}, and ${ahead.server} ${aheadInWords(ahead.received, received)}: declare ${ahead.server} as the primary; with ${to}, ${accept}, and ${ahead.server} would rejoin it, with what it alone has kept aside`;
    }
    case "streamEnd": {
      const { received } = refusal;
      return `${to} received ${receivedInWords(received)}, and ${streamInWords(received.stream, from)}; ${accept}`;
    }
  }
}

function belowInWords({
  server,
  setting,
  value,
  floor,
  to,
}: Gap & { readonly server: string; readonly to: string }): string {
  return `${setting} of ${server} is ${value}, below the ${floor} of ${to}, with which it would not go on: raise it first, in an up of its own`;
}
