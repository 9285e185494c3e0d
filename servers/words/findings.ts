import { onOneLine } from "../../postgres/printable.js";
import type { Finding, NotKnown } from "../status/report.js";
import { sentence } from "./differences.js";
import { planLines } from "./plan.js";
import { heldUpInWords } from "./stop.js";
import { ofStandbysInWords, underWayInWords, upgradeText } from "./upgrade.js";
import { comparisonLines } from "./upgradeActs.js";

/** A finding as a preview says it, and how loudly. */
export function findingWords(finding: Finding): { readonly severity: "info" | "warning"; readonly message: string } {
  switch (finding.kind) {
    case "difference":
      return { severity: finding.difference.severity ?? "info", message: sentence(finding.difference) };
    case "not known":
      return { severity: "warning", message: notKnownWords(finding) };
    case "plan":
      return {
        severity: finding.loud ? "warning" : "info",
        message: ["the rollout:", ...planLines(finding.plan).map(onOneLine)].join("\n"),
      };
    case "held up":
      return { severity: "warning", message: heldUpInWords(finding.server, finding.act, finding.holdUps) };
    case "upgrade": {
      const isLoud = finding.plan.refusals.length > 0 || !finding.plan.keepsRollback;
      return { severity: isLoud ? "warning" : "info", message: upgradeText(finding.plan) };
    }
    case "upgrade under way":
      return { severity: "warning", message: underWayInWords(finding) };
    case "upgrade done":
      return { severity: "info", message: [`${finding.server}:`, ...comparisonLines(finding)].join("\n") };
    case "upgrade of standbys":
      return { severity: "info", message: ofStandbysInWords(finding) };
  }
}

export function notKnownWords({ server, message }: NotKnown): string {
  const reason = /[.?!]$/.test(message) ? message : `${message}.`;
  return server === undefined
    ? `${reason} What is there now is not known; shown is what was last known.`
    : `${server}: ${reason} What is there now is not known`;
}
