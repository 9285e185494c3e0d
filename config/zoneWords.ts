import type { ZoneProblem } from "./zone.js";

/** Why times of one zone cannot be said in another's, in words. */
export function zoneWords(problem: ZoneProblem): string {
  switch (problem.code) {
    case "apart":
      return `cron there knows the host's own zone alone, ${problem.host}, whose clock is not always as far from that of ${problem.zone}`;
    case "days":
      return `cron there knows the host's own zone alone, ${problem.host}, in which these times of ${problem.zone} fall on other days`;
    case "unknown":
      return `cron there knows the host's own zone alone, which the host does not name (/etc/localtime), so times of ${problem.zone} cannot be said`;
  }
}

/** What there is to do about it. */
export const zoneRemedy =
  "give the times in the host's own zone (leave timeZone out), or change the host's zone; a systemd timer knows zones";
