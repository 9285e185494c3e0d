import { cronLine, type Schedule } from "./render.js";

/** The lines of a schedule in its user's own crontab, where other lines are not ours. @throws ScheduleRefused */
export function blockOf(schedule: Schedule): string {
  const { name, mark, description } = schedule;
  return `${begin(name)}\n# ${mark}\n# ${description}. Change the stack file instead.\n${cronLine(schedule)}\n${end(name)}\n`;
}

/** The block as it is in a crontab; undefined where there is none. Without its end it is one line long. */
export function blockIn(crontab: string, name: string): string | undefined {
  const found = boundsOf(linesOf(crontab), name);
  if (found === undefined) return undefined;
  return textOf(linesOf(crontab).slice(found.first, found.end));
}

/** The crontab with that block in its place, at the end if it is new; without one where it is undefined. All else stays. */
export function withBlock(crontab: string, name: string, block: string | undefined): string {
  const lines = linesOf(crontab);
  const { first, end: after } = boundsOf(lines, name) ?? { first: lines.length, end: lines.length };
  return textOf([...lines.slice(0, first), ...linesOf(block ?? ""), ...lines.slice(after)]);
}

function boundsOf(
  lines: readonly string[],
  name: string,
): { readonly first: number; readonly end: number } | undefined {
  const first = lines.indexOf(begin(name));
  if (first < 0) return undefined;
  const last = lines.indexOf(end(name), first);
  return { first, end: last < 0 ? first + 1 : last + 1 };
}

function begin(name: string): string {
  return `# begin pgsite ${name}`;
}

function end(name: string): string {
  return `# end pgsite ${name}`;
}

function linesOf(text: string): readonly string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}
