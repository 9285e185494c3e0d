import { shownInLine } from "../../postgres/shown.js";
import type { StatusRow } from "../../servers/status/report.js";
import { newestInWords } from "../../servers/words/backups.js";
import { problemInWords } from "../../servers/words/problems.js";
import { fitting, framed, painted, type Style } from "../terminal.js";
import { type Answers, type Kept, rowsIn, type StackBackups } from "./ask.js";
import { topologiesOf } from "./topology.js";
import { drawTopology } from "./tree.js";

/** For people: who streams from whom, every server in a table, and what is wrong. */
export function renderStatus({ stacks, kept, backups }: Answers, style: Style): string {
  const rows = rowsIn({ stacks });
  return [
    ...topologiesOf(stacks).map((topology) => drawTopology(topology, style)),
    tableOf(rows, style),
    ...rows.flatMap((row) => problemsOf(row, style)),
    ...kept.map(renderKept),
    ...backups.map(renderBackups),
  ].join("\n");
}

/** As `--json` prints it: a problem's code is for programs, its message for whoever they tell. */
export function statusJson({ stacks, kept, backups }: Answers) {
  return {
    servers: rowsIn({ stacks }).map(withMessages),
    ...(kept.length === 0 ? {} : { kept }),
    ...(backups.length === 0 ? {} : { backups }),
  };
}

function withMessages(row: StatusRow) {
  return { ...row, problems: row.problems.map((problem) => ({ ...problem, message: problemInWords(problem) })) };
}

/** What the drawing above it does not say; roles, which it does, only where there is room. */
function tableOf(rows: readonly StatusRow[], style: Style): string {
  const columns = {
    server: ({ name }: StatusRow) => name,
    role: ({ role }: StatusRow) => role,
    address: ({ address, port }: StatusRow) => `${address}:${port}`,
    version: ({ version }: StatusRow) => version ?? "?",
    state: ({ state }: StatusRow) => state,
  };
  const table = (names: readonly (keyof typeof columns)[]) => () =>
    framed(
      names,
      rows.map((row) => names.map((name) => columns[name](row))),
      style,
    );
  return fitting(
    [table(["server", "role", "address", "version", "state"]), table(["server", "address", "version", "state"])],
    style,
  );
}

function problemsOf({ name, problems }: StatusRow, style: Style): readonly string[] {
  return problems.map((problem) => {
    return `${painted("wrong", `${shownInLine(name)}:`, style)} ${shownInLine(problemInWords(problem))}`;
  });
}

function renderKept({ server, host, directory }: Kept): string {
  return shownInLine(
    `${server}: what it alone had when it rejoined is kept in ${directory} on ${host}: remove it when nobody needs it`,
  );
}

function renderBackups({ stack, ...newest }: StackBackups): string {
  return shownInLine(`${stack}: ${newestInWords(newest, Date.now())}`);
}
