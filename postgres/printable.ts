/**
 * What somebody else wrote (a host, a server, a client that failed to log in, a stack file), as a terminal may show it.
 * Raw, a role's name could clear the screen, a line of a log could look like one of ours, and a bidirectional override
 * could turn a rule around.
 */

/** Controls, line and paragraph separators, lone halves of a pair, and all that is there and not seen (Unicode: Cc, Zl, Zp, Cs, Cf, Default_Ignorable_Code_Point). */
const unprintable = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Cf}\p{Default_Ignorable_Code_Point}]/gu;
/** What reads like one of our escapes. */
const escapeLike = /\\(?=x[0-9a-f]{2}|u\{[0-9a-f]+\})/g;
const anEscape = /\\x([0-9a-f]{2})|\\u\{([0-9a-f]{1,6})\}/g;

/** Text of several lines: what cannot be seen becomes \x1b or \u{202e}; line breaks and tabs stay. */
export function printable(text: string): string {
  return text.replace(unprintable, (one) => (one === "\n" || one === "\t" ? one : escaped(one)));
}

/** A value within a line of ours: its line breaks become \x0a. */
export function onOneLine(text: string): string {
  return text.replace(unprintable, (one) => (one === "\t" ? one : escaped(one)));
}

/** As `printable`, so that `decoded` gives the text back: what reads like an escape and is none gets its backslash escaped. */
export function encoded(text: string, lines: "lines" | "one line"): string {
  const plain = text.replace(escapeLike, "\\x5c");
  return lines === "lines" ? printable(plain) : onOneLine(plain);
}

/** The reverse of `encoded`. */
export function decoded(text: string): string {
  return text.replace(anEscape, (whole, byte: string | undefined, point: string | undefined) => {
    const code = Number.parseInt(byte ?? point ?? "", 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

/** A JSON or YAML text without what a terminal would obey, which both let stand within double quotes: as their own escapes. */
export function withUnicodeEscapes(text: string, language: "JSON" | "YAML"): string {
  return text.replace(unprintable, (one) => {
    if (one === "\n" || one === "\t") return one;
    if (language === "YAML" && one.length > 1) return `\\U${hex(one.codePointAt(0) as number, 8)}`;
    return Array.from({ length: one.length }, (_, index) => `\\u${hex(one.charCodeAt(index), 4)}`).join("");
  });
}

function escaped(one: string): string {
  const code = one.codePointAt(0) as number;
  return code <= 0xff ? `\\x${hex(code, 2)}` : `\\u{${hex(code, 1)}}`;
}

function hex(code: number, length: number): string {
  return code.toString(16).padStart(length, "0");
}
