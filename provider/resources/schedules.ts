import type { ScheduleDifference } from "../../installed/schedule.js";
import type { Difference } from "../../postgres/differences.js";

/** What of a schedule is not as declared, and what that takes. */
export function scheduleDifference(
  object: Extract<Difference["object"], { readonly kind: "schedule" }>,
  difference: ScheduleDifference,
): Difference {
  switch (difference.kind) {
    case "missing":
      return { object, there: { is: "missing" }, consequence: "install" };
    case "disabled":
      return { object: { ...object, part: "at boot" }, there: "off", declared: "on", consequence: "install" };
    case "stopped":
      return difference.scheduler === "systemd"
        ? { object, there: { is: "not run" }, consequence: "install" }
        : { object, there: { is: "not run" }, consequence: "by hand", severity: "warning" };
    case "content":
      return { object, there: { is: "another" }, consequence: "install" };
    case "permissions":
      return { object, there: difference.is, declared: difference.shall, consequence: "install" };
  }
}
