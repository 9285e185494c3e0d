// A text of somebody else's as Markdown that shows it and does nothing else: `node fenced.mjs TITLE FILE` prints it, for a
// comment or a summary of GitHub's. Plain Node without packages: who runs it runs nothing that the text's author could change.
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Characters of a comment that GitHub takes, less what stands around the text. */
export const limit = 60_000;

/** Bytes that are looked at of a file: more never fits. */
const mostBytes = 4 * limit;

/**
 * The text below a heading, in a fence that is longer than any run of backticks in it. Nothing between fences is markup, a
 * mention, or a link. What a terminal or a reader's eye would be misled by is taken away or made visible.
 */
export function fenced(title, text, most = limit) {
  const plain = printable(text);
  const shown = cut(plain, most);
  const longest = Math.max(2, ...(shown.match(/`+/g) ?? []).map((run) => run.length));
  const fence = "`".repeat(longest + 1);
  const rest = shown.length < plain.length ? "\n(the rest is left out here: it is in the run)\n" : "";
  return `### ${printable(title).replace(/[^\p{L}\p{N} ()_.,:-]/gu, "")}\n\n${fence}diff\n${shown}\n${fence}\n${rest}`;
}

const esc = String.fromCharCode(27);
const bell = String.fromCharCode(7);
/** What a terminal obeys: CSI, OSC, strings, and single letters. */
const sequence = new RegExp(
  `${esc}(?:\\[[0-?]*[ -/]*[@-~]|\\][^${bell}${esc}]*(?:${bell}|${esc}\\\\)?|[PX^_][^${esc}]*(?:${esc}\\\\)?|[ -/]*[0-~])`,
  "g",
);
/** Control characters but tab and line feed; what turns the direction of writing; what cannot be seen. */
const misleading = /(?![\t\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

function printable(text) {
  return text
    .replace(/\r\n/g, "\n")
    .replace(sequence, "")
    .replace(misleading, (character) => `<${character.codePointAt(0).toString(16)}>`)
    .toWellFormed();
}

/** As much of a text as fits, up to the end of a line where one is near. No character is cut in two. */
function cut(text, most) {
  if (text.length <= most) return text;
  const half = /[\ud800-\udbff]$/.test(text.slice(0, most)) ? 1 : 0;
  const whole = text.slice(0, most - half);
  const line = whole.lastIndexOf("\n");
  return line > Math.max(0, most - 2000) ? whole.slice(0, line) : whole;
}

/** The beginning of a regular file. A link, or what is no file, is refused: it would show something of this machine's. */
export function beginning(path) {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (!fstatSync(file).isFile()) throw new Error(`${path} is no regular file`);
    const buffer = Buffer.alloc(mostBytes);
    let size = 0;
    for (let read = -1; read !== 0 && size < mostBytes; size += read) {
      read = readSync(file, buffer, size, mostBytes - size, null);
    }
    return new TextDecoder().decode(buffer.subarray(0, size));
  } finally {
    closeSync(file);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [title = "", path = ""] = process.argv.slice(2);
  process.stdout.write(fenced(title, beginning(path)));
}
