import { cronLine, type Schedule } from "./render.js";

/**
 * The lines of a schedule in its user's own crontab, where other lines are not ours. Each says at its end whose it is, where
 * the shell takes it for a comment: so none is left to run when somebody has removed the others. @throws ScheduleRefused
 */
export function blockOf(schedule: Schedule): string {
  const { name, mark, description } = schedule;
  const lines = [`# ${mark}`, `# ${description}. Change the stack file instead.`, cronLine(schedule)];
  return textOf(lines.map((line) => line + tag(name)));
}

/** The lines as they are in a crontab; undefined where there are none. */
export function blockIn(crontab: string, name: string): string | undefined {
  const lines = linesOf(crontab).filter((line) => line.endsWith(tag(name)));
  return lines.length === 0 ? undefined : textOf(lines);
}

/** The crontab with these lines in the place of the old ones, at the end if there are none; undefined takes them away. */
export function withBlock(crontab: string, name: string, block: string | undefined): string {
  const lines = linesOf(crontab);
  const first = lines.findIndex((line) => line.endsWith(tag(name)));
  const place = first < 0 ? lines.length : first;
  const others = (some: readonly string[]) => some.filter((line) => !line.endsWith(tag(name)));
  return textOf([...others(lines.slice(0, place)), ...linesOf(block ?? ""), ...others(lines.slice(place))]);
}

function tag(name: string): string {
  return ` # pgsite ${name}`;
}

function linesOf(text: string): readonly string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}
