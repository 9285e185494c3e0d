import { error, type Problem } from "../postgres/problem.js";
import type { UpgradeWishes } from "../postgres/upgrade/model.js";
import { minutesOf } from "../postgres/upgrade/window.js";
import { unknownName } from "./references.js";
import { weekdays } from "./schema/upgrade.js";
import type { StackDescription, UpgradeDescription } from "./schema.js";

/** What holds where a stack says nothing of upgrades. */
export const noWishes: UpgradeWishes = { method: "auto", jobs: 2, acceptNoRollback: false, defer: {}, after: [] };

/** What a stack says of upgrades, as its site has it. */
export function wishesOf({ method, jobs, acceptNoRollback, window, defer, after }: UpgradeDescription): UpgradeWishes {
  const { days, ...clock } = window ?? {};
  return {
    method,
    jobs,
    acceptNoRollback,
    defer,
    after: after.map(({ name, command }) => ({ name, ...(command === undefined ? {} : { command }) })),
    ...(window === undefined
      ? {}
      : {
          window: {
            ...(clock as Pick<typeof window, "from" | "until" | "timeZone">),
            ...(days === undefined ? {} : { days: days.map((day) => weekdays.indexOf(day)) }),
          },
        }),
  };
}

/** What of it does not fit together, or cannot be done in this stack. */
export function checkUpgrade({ upgrade, primary, databases }: StackDescription): Problem[] {
  if (upgrade === undefined) return [];
  const { method, acceptNoRollback, window, defer, after } = upgrade;
  const deferred = Object.keys(defer);
  const names = after.map(({ name }) => name);
  return [
    ...(method === "link" && !acceptNoRollback
      ? [
          error(
            "upgrade.method",
            "link shares files with the old data, which cannot be started again once the new server has run: say upgrade.acceptNoRollback: true, or take copy",
          ),
        ]
      : []),
    ...(deferred.length > 0 && !["auto", "dump"].includes(method)
      ? [
          error(
            "upgrade.method",
            `received "${method}"; allowed with upgrade.defer: dump, or auto: pg_upgrade brings all rows at once`,
          ),
        ]
      : []),
    ...(primary === undefined && deferred.length > 0
      ? [error("upgrade.defer", "goes with the stack that has the primary; a mirror receives what comes")]
      : []),
    ...(primary === undefined && after.length > 0
      ? [error("upgrade.after", "goes with the stack that has the primary: what follows the database follows it")]
      : []),
    ...deferred
      .filter(() => Object.keys(databases).length > 0)
      .flatMap((database) => unknownName("database", `upgrade.defer.${database}`, database, Object.keys(databases))),
    ...(window !== undefined && minutesOf(window.from) === minutesOf(window.until)
      ? [error("upgrade.window.until", `received "${window.until}", as from: a window has a length`)]
      : []),
    ...names.flatMap((name, index) =>
      names.indexOf(name) < index
        ? [error(`upgrade.after[${index}].name`, `"${name}" is a step already: give this one another name`)]
        : [],
    ),
  ];
}
