import type { Clock, HostFacts } from "../facts.js";
import type { Complaint } from "../finding.js";

/** Seconds. Above the first, logs and lags mislead; above the second, a recovery to a point in time ends at the wrong one. */
export const clockLimits = { warning: 2, error: 30 } as const;

/** A host's clock against another host's, or (without `other`) against ours, by what is certain of the difference. */
export function checkClock(host: HostFacts, other?: HostFacts): Complaint[] {
  const ahead = host.clock.ahead - (other?.clock.ahead ?? 0);
  const certain = Math.abs(ahead) - host.clock.uncertainty - (other?.clock.uncertainty ?? 0);
  if (!(certain > clockLimits.warning)) return [];
  const whose = other === undefined ? "this machine's, where pgsite runs" : `${other.host}'s`;
  return [
    {
      check: "clock",
      severity: other !== undefined && certain > clockLimits.error ? "error" : "warning",
      path: `hosts.${host.host}`,
      cause: `its clock is ${seconds(Math.abs(ahead))} ${ahead > 0 ? "ahead of" : "behind"} ${whose}`,
      remedy: "let chrony or ntpd set both",
    },
  ];
}

/** For people: `+0.003 s`. */
export function clockText({ ahead, uncertainty }: Clock): string {
  if (!Number.isFinite(uncertainty)) return "unknown";
  return `${ahead < 0 ? "-" : "+"}${seconds(Math.abs(ahead))}`;
}

function seconds(value: number): string {
  return `${value < 10 ? value.toFixed(3).replace(/(\.\d)\d\d$/, "$1") : Math.round(value)} s`;
}
