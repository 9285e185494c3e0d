import { conditions, type Test, type Unit } from "./conditions.js";

/** The table of docs/watch.md. @param title what a mail's subject says of a condition */
export function conditionTable(title: (condition: string) => string): string {
  const rows = conditions.map(({ name, severity, runs, tests, object }) => {
    const says = title(name)
      .replace(/\{([^{}]*)\}/g, "$1")
      .replaceAll("%o", object === undefined ? "" : object.toUpperCase())
      .replaceAll("%v", standIn(tests[0].unit));
    return `| \`${name}\` | ${says} | ${severity} | ${tests
      .map(limitOf)
      .filter((limit) => limit !== "")
      .join(" and ")} | ${runs} |`;
  });
  return ["| condition | mail | severity | threshold | runs |", "|---|---|---|---|---|", ...rows].join("\n");
}

function limitOf({ key, holds, threshold, unit }: Test): string {
  if (key === undefined) return "";
  return `\`${key}\`: ${holds === "from" ? "at least" : "at most"} ${inUnits(threshold, unit)}`;
}

function inUnits(value: number, unit: Unit): string {
  switch (unit) {
    case "bytes":
      return `${value / 1024 ** 3} GB`;
    case "seconds":
      return value % 86_400 === 0
        ? `${value / 86_400} d`
        : value % 3600 === 0
          ? `${value / 3600} h`
          : `${value / 60} min`;
    case "percent":
      return `${value} %`;
    case "hours":
      return `${value} h`;
    case "days":
      return `${value} d`;
    default:
      return value.toLocaleString("en-US");
  }
}

/** What stands for a value. */
function standIn(unit: Unit): string {
  return unit === "bytes" ? "SIZE" : unit === "count" ? "NUMBER" : unit === "percent" ? "PERCENT" : "TIME";
}
