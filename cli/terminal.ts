import { WriteStream } from "node:tty";
import { stripVTControlCharacters, styleText } from "node:util";
import Table from "cli-table3";
import { shownInLine, shownPainted } from "../postgres/shown.js";

/** What a terminal can show, and what is to be drawn for it. */

/** How something is painted. Colour never says what the text does not. */
export interface Style {
  readonly colour: boolean;
  /** Whether lines are drawn as such; else in ASCII. */
  readonly unicode: boolean;
  /** Of the terminal; left out where nothing wraps: a file, a pipe. */
  readonly columns?: number;
}

/** Text in a file: no colour, lines as they are. */
export const plain: Style = { colour: false, unicode: true };

type Environment = Readonly<Record<string, string | undefined>>;

/** By the stream and the environment (NO_COLOR, FORCE_COLOR, TERM and the locale). */
export function styleOf(
  stream: { readonly isTTY?: boolean; readonly columns?: number } = process.stdout,
  env: Environment = process.env,
): Style {
  const mayColour = stream.isTTY === true || env.FORCE_COLOR !== undefined;
  return {
    // Node's own reading of these variables; it looks at nothing of the stream.
    colour: mayColour && WriteStream.prototype.getColorDepth.call(stream, env) > 1,
    unicode: isUtf8(env),
    ...(stream.isTTY === true && stream.columns !== undefined ? { columns: stream.columns } : {}),
  };
}

/** As the C library finds the locale: the first of these that says anything. None of them: "C", which is ASCII. */
function isUtf8({ LC_ALL, LC_CTYPE, LANG }: Environment): boolean {
  const locale = [LC_ALL, LC_CTYPE, LANG].find((one) => one !== undefined && one !== "");
  return locale !== undefined && /utf-?8/i.test(locale);
}

const looks = {
  heading: "bold",
  writes: "bold",
  wrong: "red",
  unusual: "yellow",
  aside: "dim",
} as const;
export type Look = keyof typeof looks;

/** Text of others is made harmless before it is painted (`shownInLine`): afterwards nobody can tell it from ours. */
export function painted(look: Look, text: string, { colour }: Style): string {
  return colour && text !== "" ? styleText(looks[look], text, { validateStream: false }) : text;
}

/** Prints for people, with colours of ours. */
export function sayPainted(text: string): void {
  process.stdout.write(`${shownPainted(text)}\n`);
}

const ascii = {
  top: "-",
  "top-mid": "+",
  "top-left": "+",
  "top-right": "+",
  bottom: "-",
  "bottom-mid": "+",
  "bottom-left": "+",
  "bottom-right": "+",
  left: "|",
  "left-mid": "+",
  mid: "-",
  "mid-mid": "+",
  right: "|",
  "right-mid": "+",
  middle: "|",
};

/** A table with lines around it. Its cells may be anybody's text. */
export function framed(head: readonly string[], rows: readonly (readonly string[])[], { unicode }: Style): string {
  const table = new Table({
    head: [...head],
    style: { head: [], border: [], compact: true },
    ...(unicode ? {} : { chars: ascii }),
  });
  for (const cells of rows) table.push(cells.map(shownInLine));
  return table.toString();
}

const none = Object.fromEntries(Object.keys(ascii).map((key) => [key, ""])) as typeof ascii;

/** Columns without lines. Its cells are painted, so they were made harmless before. */
export function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  if (rows.length === 0) return [];
  const table = new Table({
    chars: { ...none, middle: "  " },
    style: { head: [], border: [], compact: true, "padding-left": 0, "padding-right": 0 },
  });
  for (const cells of rows) table.push([...cells]);
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd());
}

/** The first drawing of which no line wraps; the last where none fits. */
export function fitting(drawings: readonly [() => string, ...(() => string)[]], { columns }: Style): string {
  const fits = (drawing: string) => columns === undefined || widthOf(drawing) <= columns;
  let drawing = "";
  for (const draw of drawings) {
    drawing = draw();
    if (fits(drawing)) break;
  }
  return drawing;
}

/** Of its longest line. Names that take two columns a letter are counted as one: such a line may wrap. */
export function widthOf(text: string): number {
  return Math.max(...text.split("\n").map((line) => [...stripVTControlCharacters(line)].length));
}
