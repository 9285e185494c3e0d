import { widthOf } from "../terminal.js";

/**
 * A terminal's other screen, drawn on in place: what was on the terminal is there again afterwards. These are the escape codes
 * of xterm's that all terminals of today know; those that do not ignore them. There is no terminfo in Node, and a
 * library would load more than it saves.
 */

const codes = {
  /** The other screen, without a cursor. */
  enter: "\u001b[?1049h\u001b[?25l",
  leave: "\u001b[?25h\u001b[?1049l",
  home: "\u001b[H",
  /** To the end of the line, to the end of the screen. */
  eraseLine: "\u001b[K",
  eraseBelow: "\u001b[J",
} as const;

/** As much of a terminal as is drawn on, and as is read of it. */
export interface Tty {
  readonly output: NodeJS.WriteStream;
  readonly input: NodeJS.ReadStream;
}

export class Screen {
  #lines: readonly string[] = [];
  #isOpen = false;
  readonly #tty: Tty;
  readonly #pressed: (key: string) => void;
  readonly #leave = () => this.close();
  readonly #redraw = () => this.draw(this.#lines);
  readonly #press = (keys: Buffer) => {
    for (const key of keys.toString()) this.#pressed(key);
  };

  /** @param pressed called with each key; Ctrl-C is one */
  constructor(tty: Tty, pressed: (key: string) => void) {
    this.#tty = tty;
    this.#pressed = pressed;
  }

  open(): void {
    const { output, input } = this.#tty;
    this.#isOpen = true;
    // However the process ends, but for SIGKILL.
    process.once("exit", this.#leave);
    output.write(codes.enter);
    output.on("resize", this.#redraw);
    if (!input.isTTY) return;
    input.setRawMode(true);
    input.on("data", this.#press);
    input.resume();
  }

  /** Draws lines over what is there, as many as the terminal has. They are made for people already (`shownPainted`). */
  draw(lines: readonly string[]): void {
    if (!this.#isOpen) return;
    this.#lines = lines;
    const { rows = 24, columns = 80 } = this.#tty.output;
    const fitting = cut(lines, rows, columns);
    const text = fitting.map((line) => `${line}${codes.eraseLine}`).join("\r\n");
    this.#tty.output.write(`${codes.home}${text}${codes.eraseBelow}`);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const { output, input } = this.#tty;
    process.off("exit", this.#leave);
    output.off("resize", this.#redraw);
    if (input.isTTY) {
      input.off("data", this.#press);
      input.setRawMode(false);
      input.pause();
    }
    output.write(codes.leave);
  }
}

/** As many lines as there are rows for; how many are left out is the last. */
export function cut(lines: readonly string[], rows: number, columns: number): readonly string[] {
  const heights = lines.map((line) => Math.max(1, Math.ceil(widthOf(line) / columns)));
  if (heights.reduce((sum, height) => sum + height, 0) <= rows) return lines;
  let left = rows - 1;
  const end = heights.findIndex((height) => {
    left -= height;
    return left < 0;
  });
  return [...lines.slice(0, end), `(${lines.length - end} more lines: pgsite status shows all)`];
}
