import { onOneLine, printable, withUnicodeEscapes } from "./printable.js";
import { withoutSecrets } from "./secrets/text.js";

/*
 * The edge where text leaves pgsite for people: whatever a host, a server or a stranger wrote into it goes through here,
 * wherever in a sentence it stands.
 */

/** A message of ours, of one line or more. */
export function shown(message: string): string {
  return printable(withoutSecrets(message));
}

/** What paints a text, and nothing else: it moves no cursor and clears nothing. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are that
const paint = /(\u001b\[\d{1,2}m)/;

/** A message of ours with colours of ours. Values of others went through `shownInLine` before, so that no colour is theirs. */
export function shownPainted(message: string): string {
  return message
    .split(paint)
    .map((part, index) => (index % 2 === 1 ? part : shown(part)))
    .join("");
}

/** Somebody else's value within a line of ours. */
export function shownInLine(value: string): string {
  return onOneLine(withoutSecrets(value));
}

/** JSON for programs, on a terminal as safe as any text. */
export function shownJson(value: unknown): string {
  const masked = JSON.stringify(value, (_, one) => (typeof one === "string" ? withoutSecrets(one) : one), 2);
  return withUnicodeEscapes(masked, "JSON");
}
